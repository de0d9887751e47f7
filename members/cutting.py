"""Cutting the members into ranges of ids, for work that goes chunk by chunk."""

from collections.abc import Sequence

from django.conf import settings
from django.db import connection


def cuts() -> Sequence[int]:
    """Return the first member's id of each chunk of NIGHT_CHUNK_MEMBERS members but the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM members_member) AS member"
            " WHERE place > 0 AND place %% %s = 0 ORDER BY id",
            [settings.NIGHT_CHUNK_MEMBERS],
        )
        return [member for [member] in cursor.fetchall()]
