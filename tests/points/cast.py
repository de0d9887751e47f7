"""Wang and Li, and short words for what they are posted: reward points, at once available, unless said otherwise."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from members.models import Member
from points import ledger, proving, redeeming, sealing
from points.ledger import Answer, Posting
from points.models import Kind, PointCurrency, Purse
from tests.factories import FIRST_BUSINESS_DATE, BankFactory, MemberFactory, PointCurrencyFactory

MONDAY = FIRST_BUSINESS_DATE
TUESDAY = MONDAY + datetime.timedelta(days=1)
MARCH_END = datetime.date(2026, 3, 31)
APRIL_END = datetime.date(2026, 4, 30)
CLERK = Actor.job("clerk")
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)  # of MONDAY, in Shanghai


def open_bank() -> tuple[Member, PointCurrency]:
    """Open the bank on MONDAY with a member and the reward currency."""
    BankFactory()
    return MemberFactory(), PointCurrencyFactory()


def asked(member: Member, currency: PointCurrency, points: int, **more: Any) -> Posting:
    """Return a posting of MONDAY: an earning, or for negative points a redemption, under a new key and cause."""
    key = more.pop("key", None) or uuid.uuid4()
    defaults: dict[str, Any] = {
        "kind": Kind.EARN if points > 0 else Kind.REDEEM,
        "occurred_on": MONDAY,
        "cause": f"activity/core/{key}",
    }
    return Posting(member_id=member.pk, currency_id=currency.pk, key=key, points=points, **defaults | more)


def wish(member: Member, currency: PointCurrency, points: int, **more: Any) -> redeeming.Wish:
    """Return a redemption asked for by client 1, under a new reference."""
    defaults: dict[str, Any] = {"caller": "client 1", "reference": uuid.uuid4().hex, "purpose": "coffee"}
    return redeeming.Wish(member_id=member.pk, currency_id=currency.pk, points=points, **defaults | more)


def redeem(
    member: Member, currency: PointCurrency, points: int, *, at: datetime.datetime = NOON, **more: Any
) -> redeeming.Redeemed:
    """Redeem points at noon of MONDAY, unless told otherwise, as the clerk."""
    asked_for = dataclasses.asdict(wish(member, currency, points, **more))
    return redeeming.redeem(**asked_for, at=at, actor=CLERK)


def post(*batch: Posting, business_date: datetime.date | None = None) -> list[Answer]:
    """Post a batch as the clerk."""
    return ledger.post(batch, actor=CLERK, business_date=business_date)


def outcomes(answers: list[Answer]) -> list[str]:
    return [answer.outcome for answer in answers]


def purse_of(member: Member, currency: PointCurrency) -> dict[str, int]:
    """Return the purse's figures, without those that are 0."""
    figures = Purse.objects.filter(pk=(member.pk, currency.pk)).values(
        "available", "pending", "held", "owed", "credited", "debited", "expired", "entries"
    )
    return {name: figure for name, figure in figures.get().items() if figure}


def start_closing(date: datetime.date = MONDAY) -> None:
    """Begin to close a date: the next one is open from now on."""
    BusinessDate.objects.filter(date=date).update(status="closing")
    BusinessDate.objects.create(date=date + datetime.timedelta(days=1))


def finish_closing(date: datetime.date = MONDAY) -> None:
    BusinessDate.objects.filter(date=date).update(status="closed")


def books_ok(*, as_of: datetime.date = datetime.date(2000, 1, 1)) -> bool:
    """Say whether every invariant of the ledger holds for every purse."""
    results = proving.prove(as_of=as_of)
    broken = {name: result for name, result in results.items() if result["violations"]}
    assert broken == {}
    return True


def seal(date: datetime.date, ranges: Sequence[tuple[int, int]] = ((1, sealing.LAST_MEMBER),)) -> None:
    """Seal a date that is closing, its members in these ranges."""
    for first, last in ranges:
        sealing.digest(business_date=date, first_member=first, last_member=last, actor=CLERK)
    sealing.seal(business_date=date, actor=CLERK)


def close_with_seal(date: datetime.date, *ranges: tuple[int, int]) -> None:
    """Close a date with nothing done but its seal."""
    start_closing(date)
    seal(date, ranges or ((1, sealing.LAST_MEMBER),))
    finish_closing(date)
