"""What the bank reports of its members: activities, their reversals, balances, holdings, grades; and what can be wrong with it."""

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members import reports as of_members
from members.reports import LATEST, UNWRITABLE, well_dated, well_written

MOST_MINOR = 10**14
DIRECTIONS = ("", "debit", "credit")
SCALES = ("credit", "risk")
HIGHEST_GRADE = 1000
LONGEST_ATTRIBUTES = 4000

# Why a report is refused: the field at fault and a sentence for people, by the stable code for programs.
REASONS: dict[str, tuple[str, str | Promise]] = of_members.REASONS | {
    "invalid_source": ("source", _("The source is missing, too long, or holds a control character or a slash.")),
    "invalid_external_id": ("external_id", _("The external id is missing, too long, or holds a control character.")),
    "invalid_kind": ("kind", _("The kind is missing, too long, or holds a control character.")),
    "invalid_direction": ("direction", _("The direction is neither debit, credit nor empty.")),
    "invalid_amount": ("amount", _("The amount is negative where it must not be, or too large.")),
    "invalid_text": ("", _("A text is too long or holds a control character.")),
    "invalid_currency": ("currency", _("The currency is not a code of three capital letters.")),
    "invalid_occurred_at": ("occurred_at", _("The time is missing or lies before 1900 or after 2199.")),
    "invalid_day": ("day", _("The date is missing or lies before 1900 or after 2199.")),
    "invalid_attributes": (
        "attributes",
        _("The attributes are longer than 4,000 characters or hold what can't be stored."),
    ),
    "invalid_product": ("product", _("The product is missing, too long, or holds a control character.")),
    "invalid_grade": ("grade", _("The grade is not a whole number from 0 to 1,000.")),
    "invalid_scale": ("scale", _("The scale is neither credit nor risk.")),
    "unknown_account": ("account_number", _("The member has no account of this number.")),
    "invalid_original": (
        "original_external_id",
        _("The activity to reverse is not named as a source and an external id are written."),
    ),
    "invalid_reversal_amount": ("amount", _("The amount of a reversal is above 0 or absent, and not too large.")),
    "over_reversed": ("amount", _("More would be reversed than the activity has left.")),
    "reversal_of_reversal": ("original_external_id", _("It names a reversal; only an activity can be reversed.")),
    "not_his_activity": ("original_external_id", _("The activity is another member's.")),
    "currency_differs": ("currency", _("The activity is in another currency.")),
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ActivityReport:
    """Something a member did. `member_number` may be empty where the account names him; `currency` empty is the bank's."""

    source: str
    external_id: str
    kind: str
    occurred_at: datetime.datetime
    member_number: str = ""
    account_number: str = ""
    direction: str = ""
    purpose: str = ""
    amount_minor: int | None = None
    currency: str = ""
    channel: str = ""
    merchant_category: str = ""
    product: str = ""
    branch: str = ""
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.kind, most=40):
            return "invalid_kind"
        if self.direction not in DIRECTIONS:
            return "invalid_direction"
        if self.amount_minor is not None and not 0 <= self.amount_minor <= MOST_MINOR:
            return "invalid_amount"
        if fault := _fault_of_currency(self.currency) or _fault_of_time(self.occurred_at):
            return fault
        texts = (self.purpose, self.channel, self.merchant_category, self.product)
        if any(text and not well_written(text, most=40) for text in texts) or not well_written(
            self.branch, least=0, most=20
        ):
            return "invalid_text"
        return _fault_of_id(self) or _fault_of_owner(self) or _fault_of_attributes(self.attributes)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReversalReport:
    """What takes an activity back: all that is left of it where `amount_minor` is absent.

    The activity's source, where it is not named, is the reversal's own; `currency` empty is the activity's.
    """

    source: str
    external_id: str
    original_external_id: str
    occurred_at: datetime.datetime
    original_source: str = ""
    member_number: str = ""
    account_number: str = ""
    amount_minor: int | None = None
    currency: str = ""

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.original_external_id, most=80) or not _names_source(
            self.original_source or self.source
        ):
            return "invalid_original"
        if self.amount_minor is not None and not 0 < self.amount_minor <= MOST_MINOR:
            return "invalid_reversal_amount"
        return (
            _fault_of_currency(self.currency)
            or _fault_of_time(self.occurred_at)
            or _fault_of_id(self)
            or _fault_of_owner(self)
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotReport:
    """An account's balance at the end of a day, in minor units of the bank's currency; it may be negative."""

    source: str
    account_number: str
    day: datetime.date
    amount_minor: int

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not _names_source(self.source):
            return "invalid_source"
        if not well_written(self.account_number, most=40):
            return "unknown_account"
        if not well_dated(self.day):
            return "invalid_day"
        return "" if abs(self.amount_minor) <= MOST_MINOR else "invalid_amount"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HoldingReport:
    """A product that a member holds from `opened_on` until `closed_on` (exclusive); the account may name him."""

    source: str
    external_id: str
    product: str
    opened_on: datetime.date
    closed_on: datetime.date | None = None
    member_number: str = ""
    account_number: str = ""

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.product, most=40):
            return "invalid_product"
        if not well_dated(self.opened_on):
            return "invalid_opened_on"
        if self.closed_on is not None and not self.opened_on <= self.closed_on <= LATEST:
            return "invalid_closed_on"
        return _fault_of_id(self) or _fault_of_owner(self)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MemberGradeReport:
    """A member's grade on a day: of credit higher is better, of risk higher is riskier."""

    source: str
    member_number: str
    day: datetime.date
    grade: int
    scale: str = "credit"

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not _names_source(self.source):
            return "invalid_source"
        if not well_written(self.member_number, most=20):
            return "unknown_member"
        if not well_dated(self.day):
            return "invalid_day"
        if self.scale not in SCALES:
            return "invalid_scale"
        return "" if 0 <= self.grade <= HIGHEST_GRADE else "invalid_grade"


def _names_source(code: str) -> bool:
    return well_written(code, most=40) and "/" not in code


def _fault_of_attributes(attributes: Mapping[str, Any]) -> str:
    if not attributes:
        return ""
    try:
        text = json.dumps(attributes, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return "invalid_attributes"
    storable = len(text) <= LONGEST_ATTRIBUTES and "\\u0000" not in text and not UNWRITABLE.search(text)
    return "" if storable else "invalid_attributes"


def _fault_of_currency(code: str) -> str:
    return "" if not code or (len(code) == 3 and code.isascii() and code.isupper()) else "invalid_currency"


def _fault_of_time(at: datetime.datetime) -> str:
    return "" if at.tzinfo is not None and well_dated(at.date()) else "invalid_occurred_at"


def _fault_of_id(report: ActivityReport | ReversalReport | HoldingReport) -> str:
    if not _names_source(report.source):
        return "invalid_source"
    return "" if well_written(report.external_id, most=80) else "invalid_external_id"


def _fault_of_owner(report: ActivityReport | ReversalReport | HoldingReport) -> str:
    if not well_written(report.account_number, least=0, most=40):
        return "unknown_account"
    return (
        "" if well_written(report.member_number, least=0 if report.account_number else 1, most=20) else "unknown_member"
    )
