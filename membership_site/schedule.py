"""The beat: one ring a minute. Which jobs are due is not written here; the ring asks the tables."""

RINGS = {"ring": {"task": "ring", "schedule": 60.0}}
