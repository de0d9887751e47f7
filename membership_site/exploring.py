"""Exploring the ledger: entries of a member or of business dates by keyset pages, and each entry's way to its lots, cause and rule.

Nothing is counted. A member's entries are found by his own key, a date's by the index on booked_on (docs/explorer.md).
"""

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import explaining
from campaigns.models import EarningRuleVersion
from foundation import tables
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.web import paging
from members.models import Member
from points.models import Entry, Kind, PointCurrency

PAGE = 50
CHUNK = 1_000
MOST_ROWS = 100_000
MOST_DATES = 31


class TooManyDates(Refusal):
    code = "too_many_dates"
    status = 400
    sentence = gettext_lazy("Without a member, choose %(most)s dates or fewer.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for: a member's entries or, without one, those of a few business dates; None filters nothing.

    `patterns` are the branch patterns the user may see (None: all); a member given here has been found within them.
    """

    member: Member | None
    first: datetime.date | None
    last: datetime.date | None
    kind: int | None
    currency_id: int | None
    source: str | None
    rule_id: int | None
    patterns: list[str] | None

    @property
    def cause(self) -> str | None:
        """Return how the causes begin that the source gave."""
        return f"activity/{self.source}/" if self.source else None


def entries(wanted: Wanted, *, after: str = "", limit: int = PAGE) -> tuple[list[Entry], str | None]:
    """Return a page of entries and the cursor of the next (None at the end); three queries or fewer.

    A member's come newest booked first, a date's by member, currency and number. Refuses cursor_unreadable, too_many_dates.
    """
    return _of_member(wanted, after, limit) if wanted.member else _of_dates(wanted, after, limit)


def _versions(wanted: Wanted) -> list[int] | None:
    if wanted.rule_id is None:
        return None
    return list(EarningRuleVersion.objects.filter(rule=wanted.rule_id).values_list("pk", flat=True))


def _of_member(wanted: Wanted, after: str, limit: int) -> tuple[list[Entry], str | None]:
    rows = Entry.objects.filter(member_id=wanted.member.pk).order_by("-booked_on", "currency_id", "-number")
    exact = {
        "booked_on__gte": wanted.first,
        "booked_on__lte": wanted.last,
        "kind": wanted.kind,
        "currency_id": wanted.currency_id,
        "cause__startswith": wanted.cause,
        "rule_version_id__in": _versions(wanted),
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if after:
        day, currency_id, number = paging.decode(after, datetime.date.fromisoformat, int, int)
        same_day = Q(currency_id__gt=currency_id) | Q(currency_id=currency_id, number__lt=number)
        rows = rows.filter(Q(booked_on__lt=day) | Q(booked_on=day) & same_day)
    return paging.page(
        list(rows[: limit + 1]), limit, key=lambda row: (f"{row.booked_on}", row.currency_id, row.number)
    )


def _of_dates(wanted: Wanted, after: str, limit: int) -> tuple[list[Entry], str | None]:
    first, last = wanted.first or wanted.last, wanted.last or wanted.first
    if first is None or last is None or (last - first).days >= MOST_DATES:
        raise TooManyDates(field="first", most=MOST_DATES)
    parameters = {
        "first": first,
        "last": last,
        "kind": wanted.kind,
        "currency": wanted.currency_id,
        "versions": _versions(wanted),
        "cause": wanted.cause,
        "patterns": wanted.patterns,
        "after": list(paging.decode(after, int, int, int)) if after else None,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("membership_site", "entries_of_dates"), parameters)
        keys = cursor.fetchall()
    rows = list(Entry.objects.filter(pk__in=keys).order_by("member_id", "currency_id", "number"))
    return paging.page(rows, limit, key=lambda row: (row.member_id, row.currency_id, row.number))


def tell(rows: Sequence[Entry], *, sources: dict[str, str]) -> None:
    """Give each entry its reason and its cause in words, as `entry.reason` and `entry.told`; three queries for all."""
    for entry, reason in zip(rows, explaining.why_each(rows), strict=True):
        entry.reason = reason
        entry.told = told(entry, sources)


def told(entry: Entry, sources: dict[str, str]) -> str:
    """Return the cause of an entry in words; `sources` are the names of sources by code."""
    head, _slash, rest = entry.cause.partition("/")
    match head:
        case "activity":
            source, _slash, external_id = rest.partition("/")
            return _("activity %(id)s reported by %(source)s") % {
                "id": external_id,
                "source": sources.get(source, source),
            }
        case "lot":
            return _("what was left of the credit number %(number)s") % {"number": rest}
        case "approval":
            return _("request number %(number)s, approved") % {"number": rest}
        case "redemption":
            return _("redemption %(id)s") % {"id": rest}
        case "merge" | "unmerge":
            return moved(entry)
        case "import":
            return _("import %(id)s") % {"id": rest}
        case "transfer":
            return _("transfer %(id)s") % {"id": rest}
    return entry.cause


def moved(entry: Entry) -> str:
    """Return where a merge of two records, or its undoing, moved these points from or to."""
    figures = entry.figures or {}
    words = {"number": figures.get("number", ""), "merge": figures.get("merge", "")}
    if figures.get("owed"):
        return _("points owed, moved with merge %(merge)s of %(number)s") % words
    if entry.cause.startswith("unmerge/"):
        gained = _("moved back from %(number)s: merge %(merge)s was undone")
        return (gained if entry.points > 0 else _("moved back to %(number)s: merge %(merge)s was undone")) % words
    return (
        _("moved from %(number)s by merge %(merge)s")
        if entry.points > 0
        else _("moved to %(number)s by merge %(merge)s")
    ) % words


def table(wanted: Wanted, *, sources: dict[str, str]) -> tuple[list[str], Iterator[tables.Row]]:
    """Return the headers and, read chunk by chunk, the rows of all that is wanted, MOST_ROWS at most; names don't go out."""
    headers = [
        _("member"), _("point currency"), _("number"), _("booked on"), _("occurred on"), _("kind"), _("points"),
        _("balance after"), _("rule"), _("why"), _("cause"),
    ]  # fmt: skip
    return headers, _rows(wanted, sources)


def _rows(wanted: Wanted, sources: dict[str, str]) -> Iterator[tables.Row]:
    currencies = {currency.pk: str(currency) for currency in PointCurrency.objects.all()}
    after, written = "", 0
    while after is not None and written < MOST_ROWS:
        rows, after = entries(wanted, after=after, limit=min(CHUNK, MOST_ROWS - written))
        numbers = dict(Member.objects.filter(pk__in={row.member_id for row in rows}).values_list("pk", "number"))
        tell(rows, sources=sources)
        written += len(rows)
        for row in rows:
            reason = row.reason
            yield (
                numbers.get(row.member_id, ""),
                currencies[row.currency_id],
                row.number,
                row.booked_on,
                row.occurred_on,
                capfirst(str(Kind(row.kind).label)),
                row.points,
                row.balance_after,
                reason.rule if reason else "",
                f"{reason.working} {reason.note}".strip() if reason else "",
                row.told,
            )


def reference(entry: Entry) -> tuple[str, Any]:
    """Return what the cause of an entry names: ("activity", (source, external id)), ("lot", number), ("approval", id), or ("", None)."""
    head, _slash, rest = entry.cause.partition("/")
    if head == "activity":
        source, _slash, external_id = rest.partition("/")
        return head, (source, external_id)
    if head in ("lot", "approval") and rest.isdecimal():
        return head, int(rest)
    return "", None
