"""Signing in: one door for staff and members, what a browser is known by, and what a posting allows."""

import datetime
import hashlib
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records, perform_login, record_authentication
from allauth.account.models import Login
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.backends import ModelBackend
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from foundation import periods, transactions
from foundation.access import arriving, roles, stepping_up, visibility
from foundation.access.models import Device, SignIn, User
from foundation.jobs import clock

# What a session keeps of its sign-in: see `enter`.
KEPT = stepping_up.KEPT
# What a request keeps of the browser, once it has signed in.
DEVICE = "device_token"
HAS_FACTOR = Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=["totp", "webauthn"]))


class Adapter(DefaultAccountAdapter):
    """Sign-up stays shut: members are enrolled by the bank."""

    def is_open_for_signup(self, request) -> bool:
        return False

    def get_login_redirect_url(self, request) -> str:
        """Send staff to the console and members to their own pages, unless they came for a page (`next`)."""
        return reverse("admin:index") if request.user.is_staff else super().get_login_redirect_url(request)

    def login(self, request, user) -> None:
        """Begin the session under a new key, and keep where it was begun."""
        super().login(request, user)
        enter(request, user)

    def _get_login_attempts_cache_key(self, request, **credentials: Any) -> str:
        """Count wrong passwords by name, apart for devices that this user has signed in with: who guesses from elsewhere shuts
        the guessing out, not the owner (reliability.md G04)."""
        name = credentials.get("username", "").lower()
        user = User.objects.filter(username=credentials.get("username", "")[:150].replace("\0", "")).first()
        return f"{name}:{'known' if user and is_known(request, user) else 'unknown'}"


def moment_of(user: User) -> datetime.datetime:
    """Return the instant that this request acts at: the database's, read once per user object, which is once per request."""
    # By attribute, since a request's user is a lazy proxy with a dictionary of its own.
    if not hasattr(user, "acts_at"):
        user.acts_at = clock.now()
    return user.acts_at


def day_of(user: User) -> datetime.date:
    """Return the date, in the bank's zone, that this request acts on."""
    return periods.day_of(moment_of(user))


def let_in(request: HttpRequest, user: User, *, by: str, then: str | None = None) -> HttpResponse:
    """Go on with a sign-in that was shown otherwise than by a password, a second factor still to come where there is one.

    `by` says how (code), `then` is an address of ours to go to; answers the page that comes next.
    """
    record_authentication(request, user, method=by)
    return perform_login(request, Login(user=user, redirect_url=then))


def enter(request: HttpRequest, user: User) -> None:
    """Keep where a session was begun: with which browser, known since when, by which proofs. Every door in calls it."""
    at = clock.now()
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if len(token) != 43 or not token.isascii():
        token = secrets.token_urlsafe(32)
    setattr(request, DEVICE, token)  # which staying.guard sends with the answer
    if request.session.session_key is None:
        request.session.create()
    began = transactions.commit(
        arriving.arrive,
        user=user,
        token_hash=hash_of(token),
        session_key=request.session.session_key,
        agent=request.headers.get("User-Agent", ""),
        address=request.META.get("REMOTE_ADDR") or "",
        at=at,
    )
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    now = int(at.timestamp())
    request.session[KEPT] = {
        "id": began.pk,
        "began": now,
        "seen": now,
        "device_since": int(began.device.first_seen_at.timestamp()),
        # A password alone proves nothing that a thief of it could not prove.
        "proved": now if methods & {"mfa", "code"} else 0,
        "factor": now if "mfa" in methods else 0,
    }


def stay(request: HttpRequest, user: User) -> None:
    """Keep the request's own session where all of its user were ended: under a new key, which the list then knows."""
    user.refresh_from_db(fields=["password", "session_epoch"])
    update_session_auth_hash(request, user)
    if kept := request.session.get(KEPT):
        SignIn.objects.filter(pk=kept["id"]).update(session_key=request.session.session_key, ended_at=None)


def is_known(request: HttpRequest, user: User) -> bool:
    """Tell whether the user has signed in with this browser before."""
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return bool(token) and Device.objects.filter(user_id=user.pk, token_hash=hash_of(token)).exists()


def hash_of(token: str) -> bytes:
    """Return what is kept of a device's token."""
    return hashlib.sha256(token.encode()).digest()


class PostingBackend(ModelBackend):
    """Passwords, and permissions out of the postings that hold today."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user of a session, who is active, and whether he has a second factor, in one query."""
        return User.objects.annotate(has_factor=HAS_FACTOR).filter(pk=user_id, is_active=True).first()

    def get_all_permissions(self, user_obj, obj=None) -> set[str]:
        """Return the permissions of today's postings; none on a single object, which `visible_to` decides."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        return roles.permissions(visibility.postings(user_obj, on=day_of(user_obj)))
