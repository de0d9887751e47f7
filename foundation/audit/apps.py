from django.apps import AppConfig


class Audit(AppConfig):
    name = "foundation.audit"
    label = "audit"
