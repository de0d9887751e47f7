"""Django's admin, with our site class as its default."""

from django.contrib.admin.apps import AdminConfig


class Console(AdminConfig):
    default_site = "membership_site.console.ConsoleSite"
