"""The staff console: Django's admin with our thin theme."""

from django.contrib.admin import AdminSite


class ConsoleSite(AdminSite):
    """The console's site; its pages are registered by each app's admin.py."""

    enable_nav_sidebar = False
