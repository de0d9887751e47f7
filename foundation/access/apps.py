from django.apps import AppConfig


class Access(AppConfig):
    name = "foundation.access"
    label = "access"
