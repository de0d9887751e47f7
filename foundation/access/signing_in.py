"""Signing in: one door for staff and members, and what a posting allows."""

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.backends import ModelBackend


class Adapter(DefaultAccountAdapter):
    """Sign-up stays shut: members are enrolled by the bank."""

    def is_open_for_signup(self, request) -> bool:
        return False


class PostingBackend(ModelBackend):
    """Passwords, and permissions out of the postings that hold today."""
