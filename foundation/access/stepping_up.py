"""Stepping up: what asks for a fresh proof of who is there, beyond having signed in (docs/sign-in.md, reliability.md G08).

`required` is a rule over what is known already: the user and his session. It asks the database nothing.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.refusals import Refusal

# What a member does: SPEND his points, change his CONTACT or what he signs in with, EXPORT his data. What staff do: REVEAL, DECIDE.
SPEND, CONTACT, EXPORT, REVEAL, DECIDE = "spend", "contact", "export", "reveal", "decide"
OF_STAFF = (REVEAL, DECIDE)
PROOF_LASTS = datetime.timedelta(minutes=10)
# What a session keeps of its sign-in, see signing_in.enter.
KEPT = "sign_in"
WHERE = "/security/confirm/"

Session = Mapping[str, Any]


class StepUpRequired(Refusal):
    code = "step_up_required"
    status = 403
    sentence = _("Please confirm that it is you, at %(where)s, and try again.")

    def __init__(self) -> None:
        super().__init__(where=f"{settings.SITE_URL}{WHERE}")


class ChangedLately(Refusal):
    code = "changed_lately"
    status = 403
    sentence = _(
        "Your sign-in or your contact was changed a short while ago. For your safety, more than %(points)s points at once can be"
        " used again in %(hours)s hours at the latest."
    )


def required(*, user: User, session: Session | None, for_what: str, at: datetime.datetime) -> bool:
    """Tell whether a fresh proof is missing. Without a `session`, as for an app's token, only what happened to the user counts.

    Spending asks for one from a device that is new, and while spending rests; contact and export always; staff's looks and
    decisions for a second factor shown a few minutes ago.
    """
    kept = (session or {}).get(KEPT) or {}
    if for_what in OF_STAFF:
        return not _is_within(kept.get("factor"), datetime.timedelta(minutes=settings.STAFF_PROOF_MINUTES), at=at)
    if _is_within(kept.get("proved"), PROOF_LASTS, at=at):
        return False
    if for_what in (CONTACT, EXPORT):
        return settings.NEW_DEVICE_HOURS > 0
    is_new = session is not None and _is_new(kept.get("device_since"), at=at)
    return is_new or rests(user, at=at)


def refuse(*, user: User, session: Session | None, for_what: str, at: datetime.datetime, points: int = 0) -> None:
    """Refuse (step_up_required) what asks for a proof that is missing; changed_lately for more points than may be spent meanwhile."""
    if required(user=user, session=session, for_what=for_what, at=at):
        raise StepUpRequired
    if for_what == SPEND and points > settings.SPENDING_RESTS_POINTS and rests(user, at=at):
        raise ChangedLately(points=settings.SPENDING_RESTS_POINTS, hours=settings.SPENDING_RESTS_HOURS, field="points")


def demand(request: Any, *, for_what: str, at: datetime.datetime, points: int = 0) -> None:
    """Refuse as `refuse` does, for whoever makes a request: by his session, or by the token of an app of his."""
    session = None if getattr(request, "auth", None) else request.session
    refuse(user=request.user, session=session, for_what=for_what, at=at, points=points)


def is_asked(request: HttpRequest, *, for_what: str, at: datetime.datetime) -> bool:
    """Tell whether a fresh proof is missing for what the request is about."""
    user: Any = request.user  # no door asks this of somebody who is not signed in
    return required(user=user, session=request.session, for_what=for_what, at=at)


def confirm_first(following: str) -> HttpResponse:
    """Lead to the page that asks for a proof, and from there to an address of ours."""
    return redirect(f"{WHERE}?{urlencode({'next': following})}")


def rests(user: User, *, at: datetime.datetime) -> bool:
    """Tell whether a password, a contact or a factor of the user was changed a short while ago."""
    span = datetime.timedelta(hours=settings.SPENDING_RESTS_HOURS)
    return user.secured_at is not None and at - span < user.secured_at


def proved(session: Any, *, by_factor: bool, at: datetime.datetime) -> None:
    """Keep in the session that its user has just shown who he is, by a second factor or otherwise."""
    kept, now = session.get(KEPT) or {}, int(at.timestamp())
    session[KEPT] = kept | {"proved": now} | ({"factor": now} if by_factor else {})


def _is_within(then: int | None, span: datetime.timedelta, *, at: datetime.datetime) -> bool:
    """Tell whether an instant lies no further back than the span; a span of none asks for nothing."""
    return not span or (then is not None and at.timestamp() - span.total_seconds() < then <= at.timestamp() + 1)


def _is_new(since: int | None, *, at: datetime.datetime) -> bool:
    hours = settings.NEW_DEVICE_HOURS
    return hours > 0 and (since is None or at.timestamp() - 3600 * hours < since)
