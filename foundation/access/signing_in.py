"""Signing in: one door for staff and members, and what a posting allows."""

import datetime

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.backends import ModelBackend
from django.urls import reverse

from foundation import periods
from foundation.access import roles, visibility
from foundation.access.models import User
from foundation.jobs import clock


class Adapter(DefaultAccountAdapter):
    """Sign-up stays shut: members are enrolled by the bank."""

    def is_open_for_signup(self, request) -> bool:
        return False

    def get_login_redirect_url(self, request) -> str:
        """Send staff to the console and members to their own pages, unless they came for a page (`next`)."""
        return reverse("admin:index") if request.user.is_staff else super().get_login_redirect_url(request)


def moment_of(user: User) -> datetime.datetime:
    """Return the instant that this request acts at: the database's, read once per user object, which is once per request."""
    # By attribute, since a request's user is a lazy proxy with a dictionary of its own.
    if not hasattr(user, "acts_at"):
        user.acts_at = clock.now()
    return user.acts_at


def day_of(user: User) -> datetime.date:
    """Return the date, in the bank's zone, that this request acts on."""
    return periods.day_of(moment_of(user))


class PostingBackend(ModelBackend):
    """Passwords, and permissions out of the postings that hold today."""

    def get_all_permissions(self, user_obj, obj=None) -> set[str]:
        """Return the permissions of today's postings; none on a single object, which `visible_to` decides."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        return roles.permissions(visibility.postings(user_obj, on=day_of(user_obj)))
