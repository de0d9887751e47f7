from django.apps import AppConfig


class Approvals(AppConfig):
    name = "foundation.approvals"
    label = "approvals"
