from django.apps import AppConfig


class Jobs(AppConfig):
    name = "foundation.jobs"
    label = "jobs"
