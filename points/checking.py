"""Checking rows of corrections before anybody asks for them: whole numbers, known members, nothing below zero. Writes nothing."""

import dataclasses
import datetime
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.masking import HIDDEN
from foundation.refusals import Refusal
from members.models import Member, MemberQuerySet
from points import expiring, summaries
from points.ledger import NEVER
from points.models import PointCurrency

MOST_POINTS = 10**12
LONGEST_REASON = 200
# ASCII figures only, a sign, nothing else: no thousands, no exponent, no other script's digits.
WHOLE = re.compile(r"[+-]?[0-9]{1,13}", re.ASCII)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

LABELS: dict[str, str | Promise] = {
    "member": _("member number"),
    "currency": _("point currency"),
    "points": _("points"),
    "reason": _("reason"),
    "expires_on": _("expires on"),
}
SENTENCES: dict[str, str | Promise] = {
    "unknown_member": _("No member with this number in your branches."),
    "closed_member": _("This membership is closed."),
    "unknown_point_currency": _("No point currency with this code."),
    "points_out_of_range": _("Points must be a whole number such as 500 or -500, not 0, of 1,000,000,000,000 at most."),
    "reason_missing": _("Say why, in 200 characters at most."),
    "date_unreadable": _("The date must read like 2026-12-31."),
    "date_has_passed": _("The last usable day has passed."),
    "date_not_for_these": _("Only a credit of reward points has a last usable day."),
    "insufficient": _("More would be taken than the member can spend."),
    "repeated_row": _("This row stands in the file before."),
}


class RowRefused(Refusal):
    code = "row_refused"
    status = 422
    sentence = "%(why)s"


@dataclasses.dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row: its line in the file, the field at fault, and why."""

    line: int
    field: str
    code: str

    @property
    def sentence(self) -> str:
        """Return why, in the reader's language."""
        return str(SENTENCES[self.code])

    @property
    def label(self) -> str:
        """Return the name of the field, in the reader's language."""
        return str(LABELS[self.field])


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """The rows that can be asked for, as a request's payload holds them, and the errors of the others, by line."""

    rows: list[dict[str, Any]]
    errors: list[RowError]


class Lasting:
    """Until when points credited on `today` can be used: asked once a currency, or once a member where his tier says it."""

    def __init__(self, *, today: datetime.date) -> None:
        self.today = today
        self._found: dict[tuple[int, int | None], datetime.date] = {}

    def until(self, currency: PointCurrency, member: Member) -> datetime.date | None:
        """Return the last usable day of points that `member` is given; None: never."""
        whose = member.pk if currency.expiry_policy == PointCurrency.Expiry.BY_TIER else None
        key = (currency.pk, whose)
        if key not in self._found:
            self._found[key] = expiring.expires_on(currency=currency, member_id=member.pk, occurred_on=self.today)
        return None if self._found[key] == NEVER else self._found[key]


def check(rows: Sequence[dict[str, Any]], *, members: MemberQuerySet, today: datetime.date) -> Checked:
    """Check rows of text (`line` and what LABELS names) against the members who may be corrected, as of `today`.

    The number of statements doesn't depend on the number of rows. A purse that its rows together would take below zero makes an
    error of each of its debits.
    """
    numbers = {row["member"].strip() for row in rows}
    known = {member.number: member for member in members.filter(number__in=numbers).only("pk", "number", "status")}
    currencies = {currency.code: currency for currency in PointCurrency.objects.all()}
    lasting = Lasting(today=today)
    good: list[dict[str, Any]] = []
    errors: list[RowError] = []
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        read, wrong = _read(row, known=known, currencies=currencies, lasting=lasting)
        if read is not None:
            content = tuple(value for name, value in read.items() if name != "line")
            if content in seen:
                wrong = [RowError(row["line"], "member", "repeated_row")]
            seen.add(content)
        errors += wrong
        if read is not None and not wrong:
            good.append(read)
    short = _below_zero(good, currencies=currencies, today=today)
    errors += [
        RowError(row["line"], "points", "insufficient") for row in good if _purse(row) in short and row["points"] < 0
    ]
    refused = {error.line for error in errors}
    return Checked(
        rows=[row for row in good if row["line"] not in refused], errors=sorted(errors, key=lambda error: error.line)
    )


def _read(
    row: dict[str, Any], *, known: dict[str, Member], currencies: dict[str, PointCurrency], lasting: Lasting
) -> tuple[dict[str, Any] | None, list[RowError]]:
    """Return a row in the payload's form, or None with everything that is wrong with it."""
    wrong: dict[str, str] = {}
    member, currency = known.get(row["member"].strip()), currencies.get(row["currency"].strip())
    if member is None:
        wrong["member"] = "unknown_member"
    elif member.status == Member.Status.CLOSED:
        wrong["member"] = "closed_member"
    if currency is None:
        wrong["currency"] = "unknown_point_currency"
    points = int(row["points"].strip()) if WHOLE.fullmatch(row["points"].strip()) else 0
    if not 1 <= abs(points) <= MOST_POINTS:
        wrong["points"] = "points_out_of_range"
    reason = " ".join(HIDDEN.sub(" ", row["reason"]).split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        wrong["reason"] = "reason_missing"
    lapses = currency is not None and currency.kind == PointCurrency.Kind.REWARD and points > 0
    expires_on = None
    if text := row["expires_on"].strip():
        expires_on = _day(text)
        if expires_on is None:
            wrong["expires_on"] = "date_unreadable"
        elif not lapses and "points" not in wrong and "currency" not in wrong:
            wrong["expires_on"] = "date_not_for_these"
        elif expires_on < lasting.today:
            wrong["expires_on"] = "date_has_passed"
    elif lapses and currency is not None and member is not None:
        expires_on = lasting.until(currency, member)
    if wrong or member is None or currency is None:
        return None, [RowError(row["line"], field, code) for field, code in wrong.items()]
    return {
        "line": row["line"],
        "member": member.pk,
        "number": member.number,
        "currency": currency.code,
        "points": points,
        "reason": reason,
        "expires_on": expires_on and expires_on.isoformat(),
    }, []


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None


def _purse(row: dict[str, Any]) -> tuple[int, str]:
    return row["member"], row["currency"]


def _below_zero(
    rows: list[dict[str, Any]], *, currencies: dict[str, PointCurrency], today: datetime.date
) -> set[tuple[int, str]]:
    """Return the purses whose debits are more than what is available with the rows' own credits, as the ledger would book them."""
    debits: Counter[tuple[int, str]] = Counter()
    credits: Counter[tuple[int, str]] = Counter()
    for row in rows:
        (credits if row["points"] > 0 else debits)[_purse(row)] += abs(row["points"])
    if not debits:
        return set()
    codes = {currency.pk: code for code, currency in currencies.items()}
    held = {
        (member, codes[currency]): balance.available - balance.owed
        for (member, currency), balance in summaries.balances(
            member_ids=sorted({member for member, _code in debits}), today=today
        ).items()
    }
    return {purse for purse, points in debits.items() if points > max(held.get(purse, 0) + credits[purse], 0)}
