from django.apps import AppConfig


class Web(AppConfig):
    name = "foundation.web"
    label = "web"
