"""The only door to the ledger: a batch of postings goes in, one answer per posting comes out (docs/ledger.md)."""

import dataclasses
import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.querying import copy_rows, statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points.models import Kind

NEVER = datetime.date(9999, 12, 31)
MOST_POINTS = 10**12
# Up to here a batch travels as array literals in one statement; above, COPY is quicker.
LITERALS = 1_000
# A staged batch is posted in slices of about so many items, so that the server's memory stays bounded.
SLICE = 100_000
POSTED = "posted"


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
    "entry_kind_agrees_with_its_sign": KindAgainstSign,
    "entry_kind_known": UnknownKind,
    "posting_kind_known": UnknownKind,
    "posting_currency_known": UnknownPointCurrency,
    "posting_date_is_closing": BusinessDateNotClosing,
    "entry_booked_when_it_happened_or_later": BookedBeforeItHappened,
}
OUT_OF_RANGE = "22003"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One movement asked for: signed `points` of a member, once per (member, currency, `key`).

    `expires_on` (the last usable day) and `available_on` are a credit's; None: never, and at once. `occurred_on` of a debit is
    the day it is spent on: lots lapsed by then are left alone. `figures` are what the points were worked out from.
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


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of a posting: `posted` or `duplicate` (of entry `number`, which left `balance_after`), or why not:
    `conflict`, `insufficient`, `frozen`, `unknown_purse`, with nothing written."""

    outcome: str
    number: int | None
    balance_after: int | None


COLUMNS = {
    "member_id": "bigint",
    "currency_id": "smallint",
    "key": "uuid",
    "kind": "smallint",
    "points": "bigint",
    "occurred_on": "date",
    "expires_on": "date",
    "available_on": "date",
    "cause": "text",
    "rule_version_id": "integer",
    "figures": "jsonb",
}
POST = f"SELECT seq, outcome, number, balance_after FROM points_post({', '.join(f'%s::{kind}[]' for kind in COLUMNS.values())}, %s)"


@in_transaction
def post(batch: Sequence[Posting], *, actor: Actor, business_date: datetime.date | None = None) -> list[Answer]:
    """Post a batch, all or nothing but by the answers, and return one answer per posting, in order.

    Booked on `business_date` (a date that is closing), else each on the later of its own day and the first open date. A purse
    takes its credits first, then pays its debits in the order given. The verb that calls records its actor. A number of
    statements independent of the batch's size up to SLICE. Refuses an InvalidPosting with the whole batch.
    """
    if not batch:
        return []
    if len(batch) > LITERALS:
        stage()
        with connection.cursor() as cursor:
            copy_rows(cursor, table="posting", columns=list(COLUMNS), rows=map(_values, batch))
        post_staged(actor=actor, business_date=business_date)
        answered = _asked("SELECT seq, outcome, number, balance_after FROM posting_answer", [])
    else:
        columns = zip(*map(_values, batch), strict=True)
        answered = _asked(POST, [*map(_literal, columns), business_date])
    answers: list[Any] = [None] * len(batch)
    for seq, *answer in answered:
        answers[seq - 1] = Answer(*answer)
    return answers


@in_transaction
def stage() -> None:
    """Make the TEMP table `posting`, empty, for a set-based caller to fill by INSERT … SELECT; and `posting_answer`.

    Its columns are COLUMNS, and `seq`, which counts from 1 in the order of insertion where it is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "stage"))


@in_transaction
def post_staged(*, actor: Actor, business_date: datetime.date | None = None) -> dict[str, int]:
    """Post what stands in `posting` as `post` does, and return how many postings had each outcome.

    The answers stand in `posting_answer` (seq, outcome, number, balance_after) until the next stage() or commit. Above SLICE
    postings it goes member range by member range, in order, one statement each. Locks purses in key order.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM posting")
        [total] = cursor.fetchone()
        bounds: list[int | None] = [None, None]
        if total > SLICE:
            cursor.execute("CREATE INDEX ON posting (member_id); ANALYZE posting")
            cursor.execute(
                "SELECT DISTINCT member_id FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) AS n FROM posting) p"
                " WHERE n %% %s = 0 ORDER BY member_id",
                [SLICE],
            )
            bounds[1:1] = [member for [member] in cursor.fetchall()]
    if total:
        for after, through in zip(bounds, bounds[1:], strict=False):
            _asked(statement("points", "post_staged"), {"after": after, "through": through, "business_date": business_date})
    counts = _asked("SELECT outcome, count(*) FROM posting_answer GROUP BY outcome ORDER BY outcome", [])
    return dict(counts)


@in_transaction
def called(function: str, *arguments: Any) -> dict[str, int]:
    """Return the figures, by name, of one of the ledger's functions that close a chunk of members."""
    placeholders = ", ".join(["%s"] * len(arguments))
    [[figures]] = _asked(f"SELECT row_to_json(f) FROM {function}({placeholders}) f", list(arguments))
    return figures


def _asked(sql: str, arguments: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows; raise as a refusal what the ledger refuses by a constraint's name."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else []
    except DatabaseError as error:
        cause = error.__cause__
        refusal = REFUSED.get(getattr(getattr(cause, "diag", None), "constraint_name", None) or "")
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
    )


def _literal(values: Iterable[Any]) -> str:
    """Return PostgreSQL's array literal of `values`; much quicker to parse than an ARRAY[] of as many parameters."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
