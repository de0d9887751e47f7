from django.apps import AppConfig


class Outbox(AppConfig):
    name = "foundation.outbox"
    label = "outbox"
