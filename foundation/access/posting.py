"""Posting staff: a user's role in a branch, from a date until a date."""

import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Branch, Role, StaffPosting, User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction


class AlreadyPosted(Refusal):
    code = "already_posted"
    sentence = _("%(user)s already holds this role in this branch on these days.")


class EndsBeforeStart(Refusal):
    code = "ends_before_start"
    sentence = _("The end must lie after the start; it is the first day without the posting.")


class NotStaff(Refusal):
    code = "not_staff"
    sentence = _("%(user)s is not a member of staff.")


class PasswordRefused(Refusal):
    code = "password_refused"
    sentence = "%(why)s"


@in_transaction
def employ(
    *, username: str, full_name: str, employee_number: str, password: str, actor: Actor, at: datetime.datetime
) -> User:
    """Return the member of staff of that username, made with a first password where there is none yet.

    Refuses not_staff for a member's sign-in, password_refused for a weak one.
    """
    user = User.objects.select_for_update().filter(username=username).first()
    if user is None:
        user = User(username=username, full_name=full_name, employee_number=employee_number or None, is_staff=True)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise PasswordRefused(field="password", why=" ".join(error.messages)) from error
        user.set_password(password)
        user.save()
        record(
            verb="access.employ",
            actor=actor,
            subject_kind="user",
            subject_id=user.pk,
            at=at,
            new={"username": username},
        )
    elif not user.is_staff:
        raise NotStaff(field="username", user=username)
    return user


@in_transaction
def post(
    *,
    user: User,
    branch: Branch,
    role: Role,
    starts_on: datetime.date,
    ends_on: datetime.date | None,
    actor: Actor,
    at: datetime.datetime,
) -> StaffPosting:
    """Give `user` a role in a branch and everything under it from `starts_on` until `ends_on` (exclusive; None: open).

    Refuses ends_before_start, already_posted where such a posting holds on one of these days.
    """
    made = give(user=user, branch=branch, role=role, starts_on=starts_on, ends_on=ends_on)
    posting = StaffPosting.objects.get(pk=made.pop("posting"))
    record(verb="access.post", actor=actor, subject_kind="posting", subject_id=posting.pk, at=at, new=made["new"])
    return posting


@in_transaction
def end(*, posting: StaffPosting, ends_on: datetime.date, actor: Actor, at: datetime.datetime) -> StaffPosting:
    """End a posting: `ends_on` is its first day without it. Refuses ends_before_start."""
    posting = StaffPosting.objects.select_for_update().get(pk=posting.pk)
    done = end_on(posting, ends_on=ends_on)
    record(
        verb="access.end_posting",
        actor=actor,
        subject_kind="posting",
        subject_id=posting.pk,
        at=at,
        old=done["old"],
        new=done["new"],
    )
    return posting


def check(*, user: User, branch: Branch, role: str, starts_on: datetime.date, ends_on: datetime.date | None) -> None:
    """Refuse a posting that can't be: ends_before_start, already_posted."""
    if ends_on is not None and ends_on <= starts_on:
        raise EndsBeforeStart(field="ends_on")
    if StaffPosting.objects.filter(user=user, branch=branch, role=role).between(starts_on, ends_on).exists():
        raise AlreadyPosted(field="role", user=user.username)


@in_transaction
def give(
    *, user: User, branch: Branch, role: str, starts_on: datetime.date, ends_on: datetime.date | None
) -> dict[str, Any]:
    """Make a posting and return its id and what the trail keeps of it; whoever calls leaves the trail."""
    User.objects.select_for_update().get(pk=user.pk)
    check(user=user, branch=branch, role=role, starts_on=starts_on, ends_on=ends_on)
    posting = StaffPosting.objects.create(user=user, branch=branch, role=role, starts_on=starts_on, ends_on=ends_on)
    return {"posting": posting.pk, "new": _kept(posting)}


@in_transaction
def end_on(posting: StaffPosting, *, ends_on: datetime.date) -> dict[str, Any]:
    """End a locked posting and return its id and what the trail keeps of it, before and after; whoever calls leaves the trail."""
    if ends_on <= posting.starts_on:
        raise EndsBeforeStart(field="ends_on")
    old = _kept(posting)
    posting.ends_on = ends_on
    posting.save(update_fields=["ends_on"])
    return {"posting": posting.pk, "old": old, "new": _kept(posting)}


def _kept(posting: StaffPosting) -> dict[str, str]:
    """Return what the trail keeps of a posting."""
    return {
        "user": posting.user.username,
        "branch": posting.branch.code,
        "role": posting.role,
        "starts_on": f"{posting.starts_on}",
        "ends_on": f"{posting.ends_on or ''}",
    }
