from django.apps import AppConfig


class Idempotency(AppConfig):
    name = "foundation.idempotency"
    label = "idempotency"
