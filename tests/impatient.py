"""The site's Celery with a broker that takes a message for lost after 5 seconds (C04)."""

from django.conf import settings

from membership_site.celery import app

settings.CELERY_BROKER_TRANSPORT_OPTIONS.update(visibility_timeout=5, unacked_restore_interval=1)
__all__ = ["app"]
