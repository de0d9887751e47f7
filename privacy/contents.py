"""What a copy of a member's data holds: section by section, each a list of rows, read page by page so that memory stays bounded.

Every model with a path to a member stands in a section or in EXCEPTED with the reason; a test walks them all. The form of the file is
described in docs/privacy.md.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import BinaryField, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, BalanceSnapshot, GradeReport, Holding, ParkedReversal, Reversal
from campaigns.models import CapUse, RefusedClawback
from foundation.access.devices import SignIn
from foundation.messaging import sending
from foundation.outbox.models import Obligation
from foundation.web.browsing import past
from members.households import HouseholdMembership
from members.merges import Merge
from members.models import (
    Account,
    Assignment,
    Consent,
    Enrolment,
    FactChange,
    FamilyMembership,
    Member,
    MemberFile,
    OneTimeCode,
    Person,
)
from members.preferences import Preference
from members.states import StatusChange
from points.models import Allocation, Entry, Freeze, Hold, HoldPart, Lot, PoolGrant, PoolMonth, Purse, Redemption
from privacy import tellings
from privacy.models import Disclosure, Erasure, Export
from tiers.models import Decision, Protection, Standing

PAGE = 1_000
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose data it is, and on which day it is told."""

    member: Member
    today: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the copy: its code, its title, what it is made of, and its rows."""

    code: str
    title: Any
    models: Sequence[type[Model]]
    rows: Callable[[Owner], Iterator[Row]]


def paged(rows: QuerySet, key: Sequence[str]) -> Iterator[Any]:
    """Yield the rows in the order `key`, which is unique, PAGE at a time: one statement a page, one page in memory."""
    rows, last = rows.order_by(*key), None
    while page := list((rows if last is None else rows.filter(past(key, last)))[:PAGE]):
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def fields_of(model: type[Model], *, without: Sequence[str] = ()) -> list[Any]:
    """Return the fields that are told of a model: not the member himself, no ciphertext, no hash, and not those left out."""
    hidden = {"member", "member_id", "pk", *without}
    return [
        field
        for field in model._meta.concrete_fields
        if field.name not in hidden and field.attname not in hidden and not isinstance(field, BinaryField)
    ]


def own(
    code: str,
    title: Any,
    model: type[Model],
    key: Sequence[str],
    *,
    of: Callable[[Owner], Q] = lambda owner: Q(member_id=owner.member.pk),
    without: Sequence[str] = (),
    more: Callable[[Sequence[Any]], Sequence[Row]] | None = None,
    related: Sequence[str] = (),
) -> Section:
    """Return the section of one model's rows that are the owner's; `more` adds to each of a page of rows what is told beside its fields."""
    fields = fields_of(model, without=without)

    def rows(owner: Owner) -> Iterator[Row]:
        found = model._default_manager.filter(of(owner)).select_related(*related)
        page: list[Model] = []
        for row in paged(found, key):
            page.append(row)
            if len(page) == PAGE:
                yield from told(page)
                page = []
        yield from told(page)

    def told(page: list[Model]) -> Iterator[Row]:
        beside = more(page) if more and page else [{}] * len(page)
        for row, extra in zip(page, beside, strict=True):
            yield {field.attname: getattr(row, field.attname) for field in fields} | extra

    return Section(code=code, title=title, models=[model], rows=rows)


SECTIONS: tuple[Section, ...] = (
    Section(code="identity", title=_("Who you are"), models=[Member, Person], rows=tellings.identity),
    Section(code="facts", title=_("What the bank knows of you"), models=[MemberFile], rows=tellings.facts),
    Section(code="fact_changes", title=_("Who changed what"), models=[FactChange], rows=tellings.fact_changes),
    own("preferences", _("Your wishes for messages"), Preference, ("pk",)),
    # A note of the staff could tell of an inquiry.
    own("status_changes", _("States of your membership"), StatusChange, ("id",), without=["note", "actor"]),
    own("households", _("Your households"), HouseholdMembership, ("id",)),
    own(
        "merges",
        _("Records merged with yours"),
        Merge,
        ("id",),
        of=lambda owner: Q(kept=owner.member) | Q(gone=owner.member),
        without=["request_id", "undoing_request_id"],
    ),
    own("accounts", _("Your accounts"), Account, ("id",), without=["closing_booked_on"]),
    own(
        "consents",
        _("Your consents"),
        Consent,
        ("id",),
        related=["text"],
        more=lambda page: [
            {
                "purpose": row.text.purpose,
                "version": row.text.version,
                "titles": row.text.titles,
                "texts": row.text.texts,
            }
            for row in page
        ],
    ),
    own("activities", _("Your activities"), Activity, ("source_id", "external_id")),
    own("reversals", _("Refunds"), Reversal, ("source_id", "external_id")),
    own("parked_reversals", _("Refunds without their activity"), ParkedReversal, ("id",)),
    own("balances", _("Your reported balances"), BalanceSnapshot, ("account_id", "day", "revision")),
    own("holdings", _("Products you hold"), Holding, ("source_id", "external_id", "revision")),
    own("grades", _("Your grades"), GradeReport, ("scale", "day", "revision")),
    own("purses", _("Your points"), Purse, ("currency_id",)),
    own("entries", _("Every movement of your points"), Entry, ("currency_id", "number"), more=tellings.whys),
    own("lots", _("Until when your points last"), Lot, ("currency_id", "expires_on", "number")),
    own(
        "allocations",
        _("Which points were used for what"),
        Allocation,
        ("currency_id", "debit_number", "lot_expires_on", "lot_number"),
    ),
    own("holds", _("Points held"), Hold, ("currency_id", "key")),
    own(
        "hold_parts", _("Which points were held"), HoldPart, ("currency_id", "hold_key", "lot_expires_on", "lot_number")
    ),
    own(
        "redemptions",
        _("What you used points for"),
        Redemption,
        ("id",),
        of=lambda owner: Q(member=owner.member) | Q(for_member=owner.member),
        without=["for_member"],
    ),
    # Why it is frozen, and by whom, could tell of an inquiry: the portal doesn't say it either (docs/freezing.md).
    own(
        "freezes", _("When your points were frozen"), Freeze, ("id",), without=["reason", "by_compliance", "frozen_by"]
    ),
    own("cap_uses", _("What counts against your limits"), CapUse, ("rule_id", "currency_id", "period", "starts_on")),
    own("refused_clawbacks", _("Points the bank could not take back"), RefusedClawback, ("id",)),
    own(
        "family_rights",
        _("What your family lets you spend"),
        PoolGrant,
        ("id",),
        of=lambda owner: Q(membership__member=owner.member),
    ),
    own(
        "family_uses",
        _("What you spent of your family's points"),
        PoolMonth,
        ("id",),
        of=lambda owner: Q(membership__member=owner.member),
    ),
    own("standings", _("Your tiers"), Standing, ("id",)),
    own("decisions", _("Every decision on your tiers, with its figures"), Decision, ("id",), without=["run"]),
    own(
        "protections",
        _("When your tier was protected"),
        Protection,
        ("id",),
        without=["request_id", "ending_request_id"],
    ),
    own("families", _("Your families"), FamilyMembership, ("id",)),
    own(
        "managers",
        _("Who looked after you"),
        Assignment,
        ("id",),
        without=["manager"],
        related=["manager"],
        more=lambda page: [{"manager": row.manager.get_full_name()} for row in page],
    ),
    own(
        "enrolments", _("How you joined"), Enrolment, ("id",), without=["known_member", "masked_name", "masked_contact"]
    ),
    own("codes", _("Codes sent to you"), OneTimeCode, ("id",), without=["enrolment"]),
    own(
        "messages",
        _("Messages sent to you"),
        Obligation,
        ("id",),
        of=lambda owner: Q(member_id=owner.member.pk, topic=sending.TOPIC),
        without=["last_error", "not_before", "attempts", "quarantined_at"],
    ),
    Section(code="sign_ins", title=_("Your sign-in"), models=[], rows=tellings.sign_ins),
    own(
        "devices",
        _("Your devices"),
        SignIn,
        ("id",),
        of=lambda owner: Q(user=owner.member.user_id),
        without=["user", "device", "session_key"],
    ),
    Section(code="own_acts", title=_("What you did, and from where"), models=[], rows=tellings.own_acts),
    Section(code="looks", title=_("Who saw your data in clear"), models=[], rows=tellings.looks),
    own(
        "disclosures",
        _("What authorities were given"),
        Disclosure,
        ("id",),
        of=lambda owner: Q(member=owner.member) & (Q(secret_until=None) | Q(secret_until__lt=owner.today)),
        without=["asked_by", "decided_by"],
    ),
    own("exports", _("Copies of your data"), Export, ("id",), without=["asked_by"]),
    own("erasures", _("Your wishes to be erased"), Erasure, ("id",), without=["asked_by"]),
)

# What has a path to a member, or to a user, and is in no section; why.
EXCEPTED: dict[str, str] = {
    "access.Device": "a keyed hash that knows a device again; its sign-ins are told",
    "access.FactorTries": "a count of tries, gone in minutes",
    "mfa.Authenticator": "secrets of his second factors; when they were used stands in his own acts",
    "members.ContactChange": "a change that waits for its code, sealed; once done it is told as a changed fact",
    "importing.Import": "a file of the staff, sealed; what it brought is told where it went",
    "importing.ImportedMember": "which line of a file he came by; what it brought is told where it went",
    "importing.OpeningLot": "which line of a file his opening points came by; the entries are told",
    "members.SetApart": "the staff's note that two records are two people; the other is somebody else",
    "activity.ReportedId": "an index of the ids of the activities and refunds that are told",
    "tiers.RunningTotal": "worked out from the activities and balances that are told; rebuilt at will",
    "tiers.LateJump": "worked out from the activities and balances that are told; rebuilt at will",
    "tiers.RehearsedMove": "what other rules would have done; decides nothing, and goes with its rehearsal",
    "books.CarryingBranch": "where the bank books his points; his branch is told",
    "idempotency.KeptAnswer": "the answer to a request, kept for three days; what it did is told",
    "points.CorrectionFile": "a file of the staff, kept for a week; what it booked is told as entries",
    "privacy.ExportPart": "the sealed bytes of such a copy itself",
    "privacy.Erased": "the certificate of an erasure: after it nobody is there to be told",
    "privacy.LegalHold": "could tell of an inquiry; compliance tells of it where it may",
    "approvals.Request": "acts of the staff; what they did to the member is told as entries, protections, disclosures",
    "approvals.Decision": "acts of the staff; what they did to the member is told as entries, protections, disclosures",
    "audit.AuditEvent": "his own acts, and who saw him in clear, are told; the others are acts of the staff",
    "tiers.Draft": "acts of the staff on rules",
    "access.StaffPosting": "the bank's people as such",
    "access.User": "told as his sign-in",
    "access.User_groups": "not used",
    "access.User_user_permissions": "not used",
    "access.SystemClient": "systems of the bank",
    "admin.LogEntry": "not used: the console keeps its own trail",
    "account.EmailAddress": "not used: addresses stand in his person",
    "oauth2_provider.Grant": "a step of a sign-in, gone in a minute",
    "oauth2_provider.AccessToken": "told as devices in his sign-in; the tokens themselves are secrets",
    "oauth2_provider.RefreshToken": "told as devices in his sign-in; the tokens themselves are secrets",
    "oauth2_provider.IDToken": "told as devices in his sign-in; the tokens themselves are secrets",
    "oauth2_provider.DeviceGrant": "a step of a sign-in, gone in minutes",
}
