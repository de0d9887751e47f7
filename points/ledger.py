"""The only door to the ledger: a batch of postings goes in, one answer per posting comes out (docs/ledger.md)."""

import dataclasses
import datetime
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.querying import copy_rows, statement
from foundation.refusals import Refusal
from foundation.transactions import Again, in_transaction, one_statement
from points.models import Kind

NEVER = datetime.date(9999, 12, 31)
# Up to here a batch travels as array literals in one statement; above, COPY is quicker.
LITERALS = 1_000
# A staged batch is posted in slices of about so many items, so that the server's memory stays bounded.
SLICE = 100_000


class InvalidPosting(Refusal):
    """A posting that no ledger could take; one such item refuses its whole batch."""

    code = "invalid_posting"
    status = 422
    sentence = _("This posting can't be booked.")


class PointsOutOfRange(InvalidPosting):
    code = "points_out_of_range"
    sentence = _("Points are whole numbers, not 0, of 1,000,000,000,000 at most.")


class KindAgainstSign(InvalidPosting):
    code = "kind_against_sign"
    sentence = _("This kind of entry can't have points of that sign.")


class UnknownKind(InvalidPosting):
    code = "unknown_kind"
    sentence = _("No such kind of entry can be posted.")


class UnknownPointCurrency(InvalidPosting):
    code = "unknown_point_currency"
    sentence = _("There is no such point currency.")


class BusinessDateNotClosing(InvalidPosting):
    code = "business_date_not_closing"
    status = 409
    sentence = _("Only a business date that is closing can be booked on by name.")


class BookedBeforeItHappened(InvalidPosting):
    code = "booked_before_it_happened"
    sentence = _("A posting can't be booked on a business date before its own date.")


REFUSED = {
    "entry_points_in_range": PointsOutOfRange,
    "lot_points_positive": PointsOutOfRange,
    "hold_points_in_range": PointsOutOfRange,
    "entry_kind_agrees_with_its_sign": KindAgainstSign,
    "entry_kind_known": UnknownKind,
    "posting_kind_known": UnknownKind,
    "posting_currency_known": UnknownPointCurrency,
    "posting_date_is_closing": BusinessDateNotClosing,
    "entry_booked_when_it_happened_or_later": BookedBeforeItHappened,
}
OUT_OF_RANGE = "22003"
# The membership was closed between the look at it and the booking: posted again, the answer is unknown_purse.
CLOSED_MEANWHILE = "closed_purse_takes_nothing"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One movement asked for: signed `points` of a member, once per (member, currency, `key`).

    `expires_on` (the last usable day) and `available_on` are a credit's; None: never, and at once. `occurred_on` of a debit is
    the day it is spent on: lots lapsed by then are left alone. `figures` are what the points were worked out from. A clawback
    that `takes_first` an entry's number takes that credit's lot, which expires on `expires_on`, before all others, pending or not.
    """

    member_id: int
    currency_id: int
    key: UUID
    kind: Kind
    points: int
    occurred_on: datetime.date
    expires_on: datetime.date | None = None
    available_on: datetime.date | None = None
    cause: str = ""
    rule_version_id: int | None = None
    figures: dict[str, Any] | None = None
    takes_first: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of a posting: `posted` or `duplicate` (of entry `number`, which left `balance_after`), or why not:
    `conflict`, `insufficient`, `frozen`, `unknown_purse`, or what keeps the membership from it: `suspended` (an earning, too),
    `dormant`, `invited`, `cooling_off`; then nothing is written."""

    outcome: str
    number: int | None
    balance_after: int | None


COLUMNS = (
    "member_id",
    "currency_id",
    "key",
    "kind",
    "points",
    "occurred_on",
    "expires_on",
    "available_on",
    "cause",
    "rule_version_id",
    "figures",
    "takes_first",
)
COUNT = "SELECT outcome, count(*) FROM ({answers}) a GROUP BY outcome"


@one_statement(where=lambda batch, **_: len(batch) <= LITERALS)
@in_transaction
def post(batch: Sequence[Posting], *, actor: Actor, business_date: datetime.date | None = None) -> list[Answer]:
    """Post a batch, all or nothing but by the answers, and return one answer per posting, in order.

    Booked on `business_date` (a date that is closing), else each on the later of its own day and the first open date. A purse
    takes its credits first, then pays its debits in the order given. The verb that calls records its actor. The number of
    statements is the same for 1 and for SLICE postings. Refuses an InvalidPosting with its whole batch.
    """
    if not batch:
        return []
    if len(batch) > LITERALS:
        stage()
        rows = ((seq, *_values(posting)) for seq, posting in enumerate(batch, start=1))
        with connection.cursor() as cursor:
            copy_rows(cursor, table="posting", columns=["seq", *COLUMNS], rows=rows)
        answered = [row for answers in _staged(statement("points", "post_staged"), business_date) for row in answers]
    else:
        *columns, takes_first = zip(*map(_values, batch), strict=True)
        own_lots = literal(takes_first) if any(takes_first) else None
        answered = asked(statement("points", "post"), [*map(literal, columns), own_lots, business_date])
    answered.sort()
    return [Answer(*answer) for _seq, *answer in answered]


@in_transaction
def stage() -> None:
    """Make the TEMP table `posting`, empty, for a set-based caller to fill by INSERT … SELECT.

    Its columns are COLUMNS, and `seq`, unique, which says the order in which a purse's debits are paid.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "stage"))


@in_transaction
def post_staged(*, actor: Actor, business_date: datetime.date | None = None) -> dict[str, int]:
    """Post what stands in `posting` as `post` does, and return how many postings had each outcome that occurred.

    One statement, above SLICE postings one per member range of about so many, in order, so that purses are always locked in
    the order of their keys and the server's memory stays bounded.
    """
    counts: Counter[str] = Counter()
    for outcomes in _staged(COUNT.replace("{answers}", statement("points", "post_staged")), business_date):
        counts.update(dict(outcomes))
    return dict(counts)


def _staged(sql: str, business_date: datetime.date | None) -> Iterator[list[tuple[Any, ...]]]:
    """Run a statement that posts the stage, slice by slice, and yield the rows of each."""
    bounds: list[int | None] = [None, None]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM posting")
        [[total]] = cursor.fetchall()
        if total > SLICE:
            cursor.execute("CREATE INDEX posting_by_member ON posting (member_id); ANALYZE posting")
            cursor.execute(statement("points", "slice"), {"size": SLICE})
            bounds[1:1] = [member for [member] in cursor.fetchall()]
    if total:
        for after, through in itertools.pairwise(bounds):
            yield asked(sql, {"after": after, "through": through, "business_date": business_date})


@in_transaction
def figures(sql: str, *arguments: Any) -> dict[str, int]:
    """Return the one row, as JSON, of a statement that calls one of the ledger's functions; refuses as they do."""
    [[row]] = asked(sql, list(arguments))
    return row


def asked(sql: str, arguments: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows; raise as a refusal what the ledger refuses by a constraint's name."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else []
    except DatabaseError as error:
        cause = error.__cause__
        constraint = getattr(getattr(cause, "diag", None), "constraint_name", None) or ""
        if constraint == CLOSED_MEANWHILE:
            raise Again from error
        refusal = REFUSED.get(constraint)
        if getattr(cause, "pgcode", None) == OUT_OF_RANGE:
            refusal = PointsOutOfRange
        if refusal is None:
            raise
        raise refusal() from error


def _values(posting: Posting) -> tuple[Any, ...]:
    """Return a posting's values in the order of COLUMNS."""
    return (
        posting.member_id,
        posting.currency_id,
        posting.key,
        int(posting.kind),
        posting.points,
        posting.occurred_on,
        posting.expires_on,
        posting.available_on,
        posting.cause,
        posting.rule_version_id,
        None if posting.figures is None else json.dumps(posting.figures),
        posting.takes_first,
    )


def literal(values: Sequence[Any]) -> str:
    """Return PostgreSQL's array literal of `values`; much quicker to parse than an ARRAY[] of as many parameters."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
