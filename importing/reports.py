"""Rows as reports: what the intake's mapping makes of a row, by the import's columns; and what can be wrong with it, in words."""

import dataclasses
import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from activity import mapping, reports
from activity.mapping import BadRow
from activity.profiles import AS_A_RULE, Column, Load
from importing.kinds import KINDS
from importing.models import Import
from members.reports import well_dated, well_written

MOST_POINTS = 10**12
LONGEST_REFERENCE = 80
# ASCII figures, nothing else: no sign, no thousands, no exponent, no other script's digits.
WHOLE = re.compile(r"[0-9]{1,13}", re.ASCII)
# A date with the year first, however it is parted.
DAY = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*日?", re.ASCII)
COMPACT = re.compile(r"[0-9]{8}", re.ASCII)
DATES = mapping.DATES | {"earned_on", "expires_on"}
FORMATS = dataclasses.replace(AS_A_RULE, thousands=",")
GENDERS = {
    "": "",
    "女": "female",
    "男": "male",
    "f": "female",
    "m": "male",
    "F": "female",
    "M": "male",
    "其他": "other",
}
GENDERS |= {gender: gender for gender in ("female", "male", "other")}

# What only a row of a wizard's file can have wrong, or what is said otherwise here; the rest are the intake's.
REASONS: dict[str, tuple[str, str | Promise]] = {
    "wrong_column_count": ("", _("The row has more columns than the headings.")),
    "repeated_row": ("", _("A row before it is about the same; lots of one member, kind and dates are told apart by a reference.")),
    "unreadable_date": ("", _("The date must read like 2026-12-31.")),
    "unreadable_amount": ("amount", _("The amount must read like 1234.50.")),
    "unlisted_code": ("gender", _("The gender is male, female or other.")),
    "unknown_branch": ("branch_code", _("None of your branches has this code.")),
    "unknown_member": ("member_number", _("No member with this number in your branches.")),
    "unknown_account": ("account_number", _("No account with this number in your branches.")),
    "number_elsewhere": ("number", _("This number is taken outside of your branches.")),
    "closed_member": ("number", _("This membership is closed.")),
    "unknown_point_currency": ("currency", _("No point currency with this code.")),
    "points_out_of_range": ("points", _("Points must be a whole number such as 1200, from 1 to 1,000,000,000,000.")),
    "invalid_earned_on": ("earned_on", _("The day of earning is missing, in the future, or before 1900.")),
    "invalid_expires_on": ("expires_on", _("The last usable day lies before the day of earning.")),
    "expiry_missing": ("expires_on", _("Say until when the points can be used: it depends on the tier then held.")),
    "date_has_passed": ("expires_on", _("The last usable day has passed.")),
    "date_not_for_these": ("expires_on", _("Growth points have no last usable day.")),
    "invalid_reference": ("reference", _("The lot reference is too long or holds a control character.")),
    "lot_differs": ("points", _("This lot was imported before with other points. Take that import back first.")),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OpeningReport:
    """One dated lot of points that a member brings along; `expires_on` None: as the currency has it."""

    member_number: str
    currency: str
    points: int
    earned_on: datetime.date
    expires_on: datetime.date | None = None
    reference: str = ""

    def fault(self) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        if not well_written(self.member_number, most=20):
            return "unknown_member"
        if not 1 <= self.points <= MOST_POINTS:
            return "points_out_of_range"
        if not well_dated(self.earned_on):
            return "invalid_earned_on"
        if self.expires_on is not None and self.expires_on < self.earned_on:
            return "invalid_expires_on"
        return "" if well_written(self.reference, least=0, most=LONGEST_REFERENCE) else "invalid_reference"


def reason_of(code: str) -> tuple[str, str]:
    """Return the field at fault, as far as the code tells, and the sentence for people."""
    if code in REASONS:
        field, sentence = REASONS[code]
        return field, str(sentence)
    if code in reports.REASONS or code in mapping.REASONS:
        return mapping.reason_of(code)
    return "", str(_("The ledger refused it (%(code)s).") % {"code": code})


def reader(import_: Import) -> Callable[[Sequence[str]], Any]:
    """Return the function that makes a row's cells a report of the import's kind, or raises BadRow."""
    places = import_.mapping
    dates = [place for name, place in places.items() if name in DATES]
    make = _opening(places) if import_.kind == Import.Kind.OPENING else _of_intake(import_)

    def read(cells: Sequence[str]) -> Any:
        if dates:
            cells = list(cells)
            for place in dates:
                cells[place] = plain_date(cells[place])
        return make(cells)

    return read


def plain_date(text: str) -> str:
    """Return a date with its year first as ISO writes it; whatever else as it is."""
    text = text.strip()
    if found := DAY.fullmatch(text):
        return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if COMPACT.fullmatch(text) else text


def _of_intake(import_: Import) -> Callable[[Sequence[str]], Any]:
    """Return what the intake makes of a row, as if a profile said so; its columns are named by the fields that they fill."""
    load = Load(
        target=import_.kind,
        file="",
        source=import_.source,
        where=(),
        fields={name: Column(name, "gender" if name == "gender" else "") for name in import_.mapping},
        attributes={},
        order="",
        order_as="",
    )
    return mapping.mapper(
        load, places=import_.mapping, formats=FORMATS, codes={"gender": GENDERS}, found=lambda column, key: None
    )


def _opening(places: dict[str, int]) -> Callable[[Sequence[str]], OpeningReport]:
    required = [field.field for field in KINDS["opening"].fields if field.required]

    def read(cells: Sequence[str]) -> OpeningReport:
        texts = {name: cells[place].strip() for name, place in places.items()}
        for name in required:
            if not texts[name]:
                raise BadRow("missing", name)
        if not WHOLE.fullmatch(texts["points"]):
            raise BadRow("points_out_of_range", "points")
        expires_on = texts.get("expires_on")
        return OpeningReport(
            member_number=texts["member_number"],
            currency=texts["currency"],
            points=int(texts["points"]),
            earned_on=_day(texts["earned_on"], "earned_on"),
            expires_on=_day(expires_on, "expires_on") if expires_on else None,
            reference=texts.get("reference", ""),
        )

    return read


def _day(text: str, field: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise BadRow("unreadable_date", field) from None
