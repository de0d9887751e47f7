"""Holding: points set aside for a redemption that waits for a partner, then captured, released, or lapsed."""

import dataclasses
import datetime
from collections.abc import Sequence
from uuid import UUID

from foundation.actors import Actor
from foundation.transactions import in_transaction
from points.ledger import Answer, asked, literal
from points.models import Hold

HOLD = "SELECT * FROM points_hold(%s, %s, %s, %s, %s, %s, %s) ORDER BY seq"
CAPTURE = "SELECT * FROM points_capture(%s, %s, %s, %s, %s) ORDER BY seq"
GIVE_BACK = "SELECT * FROM points_give_back(%s, %s, %s, %s, %s) ORDER BY seq"
# So many holds lapse in one transaction, so that their purses are locked for moments only.
AT_ONCE = 1_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Points of a member to hold, once per (member, currency, `key`), until `lapses_at` at the latest; `cause` is the entry's to come."""

    member_id: int
    currency_id: int
    key: UUID
    points: int
    lapses_at: datetime.datetime
    cause: str


# A hold's key in the ledger: member, currency, key.
HoldKey = tuple[int, int, UUID]


@in_transaction
def hold(batch: Sequence[Aside], *, today: datetime.date, actor: Actor) -> list[Answer]:
    """Hold points that are usable `today`, first to expire first; return an answer per item, in order.

    Its `balance_after` is what is available then.

    `held`; `duplicate` (held before under this key, whatever became of it); or with nothing written `conflict`, `insufficient`,
    `frozen`, `unknown_purse`, or what keeps the membership from spending. No entry is written, since no balance moves. One statement,
    however many. Refuses points_out_of_range.
    """
    columns = zip(*(dataclasses.astuple(aside) for aside in batch), strict=True)
    return _answers(HOLD, [*map(literal, columns), today]) if batch else []


@in_transaction
def capture(
    holds: Sequence[HoldKey], *, occurred_on: datetime.date, at: datetime.datetime, actor: Actor
) -> list[Answer]:
    """Make a redemption of each hold, of the day `occurred_on`, from the lots it holds; return an answer per hold, in order.

    `posted`; `duplicate` (of the entry made before); or with nothing written `released`, `lapsed` (also where its time is over `at`
    the instant), `unknown_hold`. One statement, however many.
    """
    return _answers(CAPTURE, [*_columns(holds), literal([occurred_on] * len(holds)), at]) if holds else []


@in_transaction
def release(holds: Sequence[HoldKey], *, today: datetime.date, actor: Actor) -> list[Answer]:
    """Give holds back; return an answer per hold, in order, `balance_after` being what can be used `today` then.

    `released`; `duplicate` (was before); or `captured`, `lapsed`, `unknown_hold`. What lay in lots that have lapsed by `today`, and all of
    a purse that owes, comes back as by a restore: as new lots, usable for 30 days more. One statement, however many.
    """
    return _answers(GIVE_BACK, [*_columns(holds), Hold.State.RELEASED, today]) if holds else []


@in_transaction
def lapse(*, at: datetime.datetime, today: datetime.date, actor: Actor) -> int:
    """Give back, as `release` does, up to AT_ONCE holds whose time is over `at` the instant, longest first; return how many.

    Two statements, however many.
    """
    due = Hold.objects.filter(state=Hold.State.HELD, lapses_at__lte=at).order_by("lapses_at", "member_id", "key")[
        :AT_ONCE
    ]
    keys = list(due.values_list("member_id", "currency_id", "key"))
    answers = _answers(GIVE_BACK, [*_columns(keys), Hold.State.LAPSED, today]) if keys else []
    return sum(answer.outcome == Hold.State.LAPSED for answer in answers)


def _columns(holds: Sequence[HoldKey]) -> list[str]:
    return [literal(column) for column in zip(*holds, strict=True)]


def _answers(sql: str, arguments: list[object]) -> list[Answer]:
    return [Answer(*answer) for _seq, *answer in asked(sql, arguments)]
