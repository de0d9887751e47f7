"""The sections of a copy that are no table of their own: identity in clear, sign-ins, own acts, who looked; and the whys of entries."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from oauth2_provider.models import get_access_token_model

from campaigns import explaining
from foundation.audit.models import AuditEvent
from members import knowing
from members.sealing import PARTS, open_person
from points.models import Entry, PointCurrency
from privacy.keeping import Disclosure

if TYPE_CHECKING:
    from privacy.contents import Owner

LOOKS = ("members.reveal", "privacy.take_export")


def identity(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield who the member is, in clear, and his membership."""
    member = owner.member
    data = open_person(member.person) if hasattr(member, "person") else None
    yield {
        "number": member.number,
        "branch": member.branch.code,
        "branch_name": member.branch.name,
        "status": member.state,
        "member_since": member.joined_on,
        "accepted_at": member.accepted_at,
        "closed_on": member.closed_on,
        "language": member.language,
        "sign_in_name": member.user.username if member.user else "",
        **{part: getattr(data, part) if data else "" for part in PARTS},
    }


def facts(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield each fact of his file in clear: its value, who told it, when, and whether it may be used."""
    for known in knowing.read(owner.member, on=owner.today):
        if known.value:
            yield {
                "fact": known.fact.code,
                "value": known.value,
                "source": known.source,
                "told_on": known.told_on,
                "may_be_used": not known.is_withheld,
            }


def whys(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return of each entry its currency, kind and reason in words."""
    currencies = PointCurrency.objects.in_bulk()
    reasons = explaining.why_each(entries)
    return [
        {
            "currency": currencies[entry.currency_id].code,
            "kind_in_words": str(entry.get_kind_display()),
            "why": " ".join(filter(None, (reason.rule, reason.working, reason.note))) if reason else _said(entry),
        }
        for entry, reason in zip(entries, reasons, strict=True)
    ]


def _said(entry: Entry) -> str:
    return str((entry.figures or {}).get("reason", ""))


def sign_ins(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield his sign-in, and each device or app that was given a token."""
    user = owner.member.user
    if user is None:
        return
    yield {"what": "sign-in", "name": user.username, "since": user.date_joined, "last": user.last_login}
    tokens = get_access_token_model().objects.filter(user=user).select_related("application").order_by("id")
    for token in tokens:
        application = token.application.name if token.application else ""
        yield {
            "what": "app",
            "name": application,
            "since": token.created,
            "last": token.updated,
            "until": token.expires,
        }


def own_acts(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield what he did himself: each change, when, and from which address of the net."""
    from privacy.contents import paged

    if owner.member.user_id is None:
        return
    for event in paged(AuditEvent.objects.filter(actor=owner.member.user_id), ("at", "id")):
        yield {"at": event.at, "verb": event.verb, "address": event.address, "new": event.new}


def looks(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield who of the bank saw him in clear, when and why.

    While secrecy is ordered on a disclosure, what those who dealt with it looked at is not told: it would tell of the inquiry.
    """
    from privacy.contents import paged

    secret = Disclosure.objects.filter(member=owner.member, secret_until__gte=owner.today)
    dealing = {user for pair in secret.values_list("asked_by", "decided_by") for user in pair}
    own = Q(subject_kind="member", subject_id=str(owner.member.pk), verb__in=LOOKS)
    events = AuditEvent.objects.filter(own).exclude(actor=owner.member.user_id).exclude(actor__in=dealing)
    for event in paged(events.select_related("actor"), ("at", "id")):
        yield {
            "at": event.at,
            "what": event.verb,
            "by": (event.actor.employee_number or event.actor.get_full_name()) if event.actor else event.system,
            "why": event.reason,
        }
