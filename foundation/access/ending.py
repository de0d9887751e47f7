"""Ending sign-ins: one device, or all at once, which also takes the tokens that apps hold."""

import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from foundation.access.models import SignIn, User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

KEPT = datetime.timedelta(days=90)


class NoSuchSignIn(Refusal):
    code = "no_such_sign_in"
    status = 404
    sentence = _("This device is not signed in any more.")


@in_transaction
def end_one(*, user: User, sign_in_id: int, at: datetime.datetime, actor: Actor) -> None:
    """End one session of the user's own, at once. Refuses no_such_sign_in."""
    ended = SignIn.objects.open().filter(user_id=user.pk, pk=sign_in_id).first()
    if ended is None:
        raise NoSuchSignIn
    Session.objects.filter(session_key=ended.session_key).delete()
    SignIn.objects.filter(pk=ended.pk).update(ended_at=at)
    record(verb="access.end_sign_in", actor=actor, subject_kind="user", subject_id=user.pk, at=at)


@in_transaction
def end_every_one(*, user: User, at: datetime.datetime, actor: Actor) -> None:
    """End every session and token of a user, his own included; the door that asks gives its own session back with `stay`."""
    end_all(user=user, at=at)
    record(verb="access.end_sign_ins", actor=actor, subject_kind="user", subject_id=user.pk, at=at)


@in_transaction
def end_all(*, user: User, at: datetime.datetime) -> None:
    """End every session and token of a user at once (reliability.md G02), known to the list or not; whoever calls leaves the trail."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.session_epoch = User.objects.values_list("session_epoch", flat=True).get(pk=user.pk)
    for model in (get_access_token_model(), get_refresh_token_model(), get_grant_model()):
        model.objects.filter(user_id=user.pk).delete()
    mine = SignIn.objects.open().filter(user_id=user.pk)
    Session.objects.filter(session_key__in=list(mine.values_list("session_key", flat=True))).delete()
    mine.update(ended_at=at)


@in_transaction
def close(*, user: User, at: datetime.datetime) -> dict[str, Any]:
    """Shut a user out for good: nobody signs in by it any more, and what is signed in ends. Whoever calls leaves the trail."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    end_all(user=user, at=at)
    return {"user": user.username, "closed": True}


@in_transaction
def forget(*, at: datetime.datetime) -> int:
    """Delete the sign-ins that were last seen longer ago than they are kept; return how many."""
    return SignIn.objects.filter(seen_at__lt=at - KEPT).delete()[0]
