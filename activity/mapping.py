"""Mapping rows onto reports: a load's expressions become functions of a row, its texts become dates, amounts and codes."""

import datetime
import functools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from activity import reports
from activity.profiles import TARGETS, Column, Constant, Expression, Formats, Load, LookUp, Test
from members.reports import AccountReport, MemberReport
from members.taking_facts import FactReport

Row = Sequence[str]
Texts = Callable[[Row], str]
Found = Callable[[str, str], str | None]
Places = Mapping[str, int]

REPORTS: dict[str, type] = {
    "members": MemberReport,
    "accounts": AccountReport,
    "activities": reports.ActivityReport,
    "reversals": reports.ReversalReport,
    "snapshots": reports.SnapshotReport,
    "holdings": reports.HoldingReport,
    "grades": reports.MemberGradeReport,
    "facts": FactReport,
}
DATES = {"joined_on", "birth_date", "opened_on", "closed_on", "day", "told_on"}
WITH_SOURCE = {"activities", "reversals", "snapshots", "holdings", "grades"}

# Why a row is refused before it becomes a report; the field at fault is known by then.
REASONS: dict[str, str | Promise] = {
    "wrong_column_count": _("The row has more or fewer columns than the header."),
    "missing": _("The field is empty."),
    "unreadable_date": _("The date is not written as the profile says."),
    "unreadable_time": _("The time is not written as the profile says."),
    "unreadable_amount": _("The amount is not written as the profile says, or has more than two decimals."),
    "unreadable_number": _("The text is not a whole number."),
    "unlisted_code": _("The code list of the profile lacks this code."),
    "not_found": _("The look-up finds no row for this key."),
}


class BadRow(Exception):
    """A row can't become a report: `code` says why, `field` where."""

    def __init__(self, code: str, field: str = "") -> None:
        super().__init__(code)
        self.code, self.field = code, field


def reason_of(code: str) -> tuple[str, str]:
    """Return the field at fault, as far as the code tells, and the sentence for people."""
    field, sentence = reports.REASONS.get(code) or ("", REASONS[code])
    return field, str(sentence)


def mapper(
    load: Load, *, places: Places, formats: Formats, codes: Mapping[str, Mapping[str, str]], found: Found
) -> Callable[[Row], Any]:
    """Return the function that makes a row a report of the load's target, or raises BadRow.

    `places` gives a column's place in the row; `found` answers look-ups: (name and column, key) to a text, or None.
    """
    required = {name[:-1] for name in TARGETS[load.target][0] if name.endswith("*")}
    fields = []
    for name, expression in load.fields.items():
        text = texts(expression, places=places, codes=codes, found=found)
        fields.append(
            (name, "amount_minor" if name == "amount" else name, text, _reader(name, formats), name in required)
        )
    attributes = [
        (name, texts(expression, places=places, codes=codes, found=found))
        for name, expression in load.attributes.items()
    ]
    make, standing = REPORTS[load.target], {"source": load.source} if load.target in WITH_SOURCE else {}

    def report(row: Row) -> Any:
        values: dict[str, Any] = dict(standing)
        for name, argument, text, read, must in fields:
            try:
                raw = text(row)
                if raw or read is None:
                    values[argument] = read(raw) if read else raw
                if must and not raw:
                    raise BadRow("missing")
            except BadRow as error:
                error.field = error.field or name
                raise
        if attributes:
            values["attributes"] = {name: value for name, text in attributes if (value := text(row))}
        return make(**values)

    return report


def key_of(load: Load, *, places: Places, codes: Mapping[str, Mapping[str, str]], found: Found) -> Callable[[Row], str]:
    """Return the function that gives a row's key, the texts by which the target knows its subject; it may raise BadRow."""
    names = [name for name in TARGETS[load.target][1] if name in load.fields]
    parts = [texts(load.fields[name], places=places, codes=codes, found=found) for name in names]
    return lambda row: "\x1f".join(part(row) for part in parts)


def order_of(load: Load, *, places: Places) -> Callable[[Row], int | str]:
    """Return the function that gives a row's rank among those of its key; without an order all rank alike."""
    if not load.order:
        return lambda row: 0
    place = places[load.order]
    return (lambda row: _whole(row[place].strip())) if load.order_as == "number" else (lambda row: row[place].strip())


def passes(tests: Sequence[Test], *, places: Places) -> Callable[[Row], bool]:
    """Return the function that tells whether a row passes all the tests."""
    bound = [(places[test.column], test.values, test.among) for test in tests]
    if len(bound) == 1:
        [(only, values, among)] = bound
        return lambda row: (_normal(row[only]) in values) is among
    return lambda row: all((_normal(row[place]) in values) is among for place, values, among in bound)


def texts(expression: Expression, *, places: Places, codes: Mapping[str, Mapping[str, str]], found: Found) -> Texts:
    """Return the function that gives an expression's text for a row: stripped, in NFC; it may raise BadRow."""
    bind = functools.partial(texts, places=places, codes=codes, found=found)
    match expression:
        case Constant(text):
            return lambda row: text
        case Column(name, codes=""):
            place = places[name]
            return lambda row: _normal(row[place])
        case Column(name, list_name, unlisted):
            return _coded(places[name], codes[list_name], unlisted)
        case LookUp(name, key, take, missing):
            return _looked_up(f"{name}.{take}", bind(key), missing, found)
    cases = [(passes([test], places=places), bind(then)) for test, then in expression.cases]
    otherwise = bind(expression.otherwise)
    return lambda row: next((then for holds, then in cases if holds(row)), otherwise)(row)


def _coded(place: int, known: Mapping[str, str], unlisted: str | None) -> Texts:
    def text(row: Row) -> str:
        meant = known.get(_normal(row[place]), unlisted)
        if meant is None:
            raise BadRow("unlisted_code")
        return meant

    return text


def _looked_up(column: str, key: Texts, missing: str | None, found: Found) -> Texts:
    def text(row: Row) -> str:
        value = found(column, key(row))
        if value is None:
            if missing is None:
                raise BadRow("not_found")
            return missing
        return value

    return text


def _normal(cell: str) -> str:
    cell = cell.strip()
    return cell if cell.isascii() else unicodedata.normalize("NFC", cell)


def _reader(name: str, formats: Formats) -> Callable[[str], Any] | None:
    """Return how the text of a field is read; None where it stays a text."""
    if name in DATES:
        return functools.lru_cache(4096)(functools.partial(_date, pattern=formats.date))
    if name == "occurred_at":
        return functools.lru_cache(4096)(functools.partial(_instant, pattern=formats.time))
    if name == "amount":
        return functools.partial(_amount, formats=formats)
    return _whole if name == "grade" else None


def _date(text: str, *, pattern: str) -> datetime.date:
    try:
        if pattern:
            return datetime.datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date has no zone
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise BadRow("unreadable_date") from None


def _instant(text: str, *, pattern: str) -> datetime.datetime:
    """Read a time; without a zone it is the bank's, without a time of day the first moment of its date there."""
    try:
        at = datetime.datetime.strptime(text, pattern) if pattern else datetime.datetime.fromisoformat(text)  # noqa: DTZ007
        return at if at.tzinfo else at.replace(tzinfo=timezone.get_default_timezone())
    except ValueError:
        raise BadRow("unreadable_time") from None


def _amount(text: str, *, formats: Formats) -> int:
    """Read an amount in minor units."""
    plain = text.replace(formats.thousands, "") if formats.thousands else text
    if formats.amounts == "minor":
        return _whole(plain, code="unreadable_amount")
    match = MAJOR.fullmatch(plain.replace(formats.decimal, ".") if formats.decimal != "." else plain)
    if not match:
        raise BadRow("unreadable_amount")
    sign, units, cents = match.groups(default="")
    minor = int(units) * 100 + int(cents.ljust(2, "0"))
    return -minor if sign == "-" else minor


MAJOR = re.compile(r"([+-]?)([0-9]{1,15})(?:\.([0-9]{0,2})0*)?")
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def _whole(text: str, code: str = "unreadable_number") -> int:
    if not WHOLE.fullmatch(text):
        raise BadRow(code)
    return int(text)
