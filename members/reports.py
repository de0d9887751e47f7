"""What the bank reports about its customers: members with their personal data, and accounts; and what can be wrong with a report."""

import dataclasses
import datetime
import re
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.masking import LONGEST_NAME, normal_name

# What no column of text takes: controls and lone surrogates.
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
EARLIEST, LATEST = datetime.date(1900, 1, 1), datetime.date(2199, 12, 31)
GENDERS = ("", "female", "male", "other")

# Why a report is refused: the field at fault and a sentence for people, by the stable code for programs.
REASONS: dict[str, tuple[str, str | Promise]] = {
    "invalid_number": ("number", _("The number is missing, too long, or holds a control character.")),
    "invalid_joined_on": ("joined_on", _("The date is missing or lies before 1900 or after 2199.")),
    "invalid_full_name": ("full_name", _("The name is longer than 80 characters.")),
    "invalid_personal_data": (
        "",
        _("A part of the personal data is longer than 100 characters or not one of the values it can have."),
    ),
    "invalid_birth_date": ("birth_date", _("The date of birth lies before 1900 or after 2199.")),
    "invalid_account_class": ("account_class", _("The class is missing, too long, or holds a control character.")),
    "invalid_opened_on": ("opened_on", _("The date is missing or lies before 1900 or after 2199.")),
    "invalid_closed_on": ("closed_on", _("The closing date lies before the opening date or after 2199.")),
    "unknown_branch": ("branch_code", _("No branch has this code.")),
    "unknown_member": ("member_number", _("No member has this number.")),
    "conflict": ("", _("This was reported before with other content.")),
    "account_closed": ("closed_on", _("The account is closed already.")),
    "unknown_fact": ("fact", _("The file holds no such fact.")),
    "invalid_fact": ("value", _("The value is none that this fact can have.")),
    "invalid_told_on": ("told_on", _("The day lies before 1900 or after today.")),
    "no_consent": ("fact", _("The member has not agreed to what this fact would be held under.")),
    "older": ("told_on", _("Somebody has told this fact since.")),
    "erased": ("member_number", _("This person's data has been erased.")),
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AccountReport:
    """An account of a member; a closing date, once reported, stays."""

    number: str
    account_class: str
    opened_on: datetime.date
    closed_on: datetime.date | None = None
    member_number: str = ""

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.number, most=40):
            return "invalid_number"
        if not well_written(self.account_class, most=20):
            return "invalid_account_class"
        if not well_dated(self.opened_on):
            return "invalid_opened_on"
        if self.closed_on is not None and not self.opened_on <= self.closed_on <= LATEST:
            return "invalid_closed_on"
        return "" if well_written(self.member_number, most=20) else "unknown_member"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MemberReport:
    """A member as the core bank knows him. Personal data: None is not reported and keeps what stands, "" clears it."""

    number: str
    branch_code: str
    joined_on: datetime.date
    full_name: str | None = None
    pinyin: str | None = None
    phone: str | None = None
    national_id: str | None = None
    email: str | None = None
    birth_date: datetime.date | None = None
    gender: str | None = None
    accounts: tuple[AccountReport, ...] = ()

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.number, most=20):
            return "invalid_number"
        if not well_dated(self.joined_on):
            return "invalid_joined_on"
        if not well_written(self.branch_code, most=20):
            return "unknown_branch"
        if len(normal_name(self.full_name or "")) > LONGEST_NAME:
            return "invalid_full_name"
        texts = (self.pinyin, self.phone, self.national_id, self.email)
        if (self.gender or "") not in GENDERS or any(text and not well_written(text, most=100) for text in texts):
            return "invalid_personal_data"
        if self.birth_date is not None and not well_dated(self.birth_date):
            return "invalid_birth_date"
        return ""

    def personal(self) -> dict[str, Any]:
        """Return the parts of the personal data that are reported, in one form."""
        parts = ("full_name", "pinyin", "phone", "national_id", "email", "birth_date", "gender")
        reported = {part: value for part in parts if (value := getattr(self, part)) is not None}
        return {part: normal_name(value) if isinstance(value, str) else value for part, value in reported.items()}


def well_written(text: str, *, most: int, least: int = 1) -> bool:
    """Tell whether `text` has `least` to `most` characters, no control or lone surrogate among them."""
    return least <= len(text) <= most and not UNWRITABLE.search(text)


def well_dated(day: datetime.date) -> bool:
    """Tell whether a date lies within what the bank can have meant."""
    return EARLIEST <= day <= LATEST
