"""The Celery application: a late, lost or doubled message changes nothing, since jobs read what is due from tables."""

import os

from celery import Celery

from membership_site.schedule import RINGS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "membership_site.settings")

app = Celery("membership_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = RINGS
app.autodiscover_tasks()
