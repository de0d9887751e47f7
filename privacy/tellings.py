"""The sections of a copy that are no table of their own: identity in clear, sign-ins, own acts, who looked; and the whys of entries."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from oauth2_provider.models import get_access_token_model

from campaigns import explaining
from foundation.audit.models import AuditEvent
from members import knowing
from members.files import FactChange
from members.models import Member
from members.sealing import SAID, open_document, open_person
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
        **{part: getattr(data, part) if data else "" for part in SAID},
    }


def facts(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield each fact that is held of the member, in clear, with its source, day and purpose; what he withdrew is held without a value."""
    member = Member.objects.select_related("person", "file").get(pk=owner.member.pk)
    for one in knowing.read(member, on=owner.today):
        if one.value or one.source:
            yield {
                "fact": one.fact.code,
                "value": one.value,
                "in_words": one.worded,
                "source": one.source,
                "told_on": one.told_on,
                "purpose": one.fact.purpose,
                "withheld": one.is_withheld,
            }


def fact_changes(owner: "Owner") -> Iterator[dict[str, Any]]:
    """Yield what each fact was before and after each change; without values once the key is destroyed."""
    member = owner.member
    key = open_person(member.person).file_key if hasattr(member, "person") else ""
    for change in FactChange.objects.filter(member=member).order_by("id").iterator(chunk_size=1_000):
        old, new = open_document(key, change.sealed, bound_to=f"change:{member.pk}") or ("", "")
        yield {"fact": change.code, "source": change.source, "at": change.at, "before": old, "after": new}


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
