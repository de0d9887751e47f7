"""Two weeks of a bank that refunds every second purchase, recounted line by line without the product's code.

Purchases come on line and by file, refunds before and after them, in parts, again, and too large; members spend in between; every
night closes. The recount keeps a plain list of what happened and works every figure out anew with whole numbers.
"""

import dataclasses
import datetime
import random
import uuid
from collections import Counter, defaultdict

import pytest

from activity import recording, waking
from activity.models import ParkedReversal, Reversal
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from membership_site import closing, proving
from points import ledger
from points.models import Entry, Kind, PointCurrency, Purse
from tests.factories import (
    FIRST_BUSINESS_DATE,
    BankFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    SeriesFactory,
)
from tiers.models import RunningTotal

ACTOR = Actor.job("bank")
DAYS = 14
DAY = datetime.timedelta(days=1)
# Points and growth points for each yuan, in hundredths.
REWARD, GROWTH = 130, 33


@dataclasses.dataclass
class Purchase:
    """What the recount keeps of a purchase: whose, how much, on which day, what has been given back so far."""

    member: str
    amount_minor: int
    day: datetime.date
    parts: list[int] = dataclasses.field(default_factory=list)

    def give_back(self, amount_minor: int | None) -> bool:
        """Give a part back, or the rest; False where it does not fit."""
        left = self.amount_minor - sum(self.parts)
        amount_minor = left if amount_minor is None else amount_minor
        if not 0 < amount_minor <= left:
            return False
        self.parts.append(amount_minor)
        return True

    def kept(self, rate: int) -> int:
        """Return the points that are left of what it earned at `rate`."""
        earned = self.amount_minor * rate // 10_000
        return earned - earned * sum(self.parts) // self.amount_minor


class Recount:
    """Everything that happened, in plain Python."""

    def __init__(self) -> None:
        self.purchases: dict[str, Purchase] = {}
        self.waiting: dict[str, list[ReversalReport]] = defaultdict(list)
        self.refused: set[str] = set()
        self.spent: Counter[str] = Counter()

    def bought(self, report: ActivityReport) -> None:
        self.purchases[report.external_id] = Purchase(
            report.member_number, report.amount_minor, report.occurred_at.date()
        )
        for refund in sorted(
            self.waiting.pop(report.external_id, []), key=lambda one: (one.occurred_at, one.external_id)
        ):
            if not self.purchases[report.external_id].give_back(refund.amount_minor):
                self.refused.add(refund.external_id)

    def refunded(self, report: ReversalReport) -> str:
        if report.original_external_id not in self.purchases:
            self.waiting[report.original_external_id].append(report)
            return "parked"
        fits = self.purchases[report.original_external_id].give_back(report.amount_minor)
        return "recorded" if fits else "over_reversed"

    def balance(self, member: str) -> int:
        return sum(one.kept(REWARD) for one in self.purchases.values() if one.member == member) - self.spent[member]


@pytest.fixture
def bank(committed):
    """Five members, one rule, a series that counts growth points by day."""
    BankFactory()
    growth = PointCurrencyFactory(growth=True)
    EarningRuleVersionFactory(
        reward_currency=PointCurrencyFactory(), reward_rate="1.3", growth_currency=growth, growth_rate="0.33"
    )
    SeriesFactory(growth=True)
    return [MemberFactory(number=f"M{n}") for n in range(5)]


def a_day(dice: random.Random, today: datetime.date, members: list, recount: Recount) -> None:
    """Let a day happen, in the bank and in the recount: purchases, refunds, a spend."""
    noon = datetime.datetime.combine(today, datetime.time(4), datetime.UTC)
    names = [f"{today:%d}-{n}" for n in range(8)]
    purchases = [
        ActivityReport(
            source="core", external_id=name, member_number=dice.choice(members).number, kind="card_spend",
            amount_minor=dice.randrange(1, 500_00), occurred_at=noon - dice.randrange(3) * DAY,
        )
        for name in names
    ]  # fmt: skip
    owner = {report.external_id: report.member_number for report in purchases}
    owner |= {name: purchase.member for name, purchase in recount.purchases.items()}
    refunds = [
        ReversalReport(
            source="core", external_id=f"R{today:%d}-{n}", original_external_id=name, member_number=owner[name],
            amount_minor=dice.choice([None, dice.randrange(1, 300_00), dice.randrange(1, 100)]),
            occurred_at=noon + n * DAY / 100,
        )
        for n, name in enumerate(dice.choices(sorted(owner), k=4) + dice.choices(names, k=6))
    ]  # fmt: skip
    dice.shuffle(refunds)
    early, late = refunds[:5], refunds[5:]
    first, second = purchases[:4], purchases[4:]

    send(early, recount, online=dice.random() < 0.5)
    transactions.commit(by_file, reports=first)
    transactions.commit(earning.take, reports=second, actor=ACTOR)
    for report in purchases:
        recount.bought(report)
    send(late, recount, online=dice.random() < 0.5)
    again = transactions.commit(recording.record_reversals, reports=refunds, actor=ACTOR)
    assert "recorded" not in again
    for member in dice.sample(members, 2):
        spend_all(member, today, recount)


def spend_all(member, today: datetime.date, recount: Recount) -> None:
    """Let a member spend all that he can, so that the next refund finds nothing."""
    currency = PointCurrency.objects.get(code="points")
    purse = Purse.objects.filter(member_id=member.pk, currency_id=currency.pk).first()
    if purse is None or not purse.available:
        return
    spend = ledger.Posting(
        member_id=member.pk,
        currency_id=currency.pk,
        key=uuid.uuid4(),
        kind=Kind.REDEEM,
        points=-purse.available,
        occurred_on=today,
    )
    [answer] = transactions.commit(ledger.post, batch=[spend], actor=ACTOR)
    assert answer.outcome == "posted"
    recount.spent[member.number] += purse.available


def by_file(*, reports: list[ActivityReport]) -> None:
    """Record activities as the intake does: their points wait for the night."""
    recording.record_activities(reports, actor=ACTOR)
    waking.wake_reported(actor=ACTOR)


def send(refunds: list[ReversalReport], recount: Recount, *, online: bool) -> None:
    """Report refunds on line or by file, and hold the answers against the recount."""
    if online:
        answers = transactions.commit(clawing_back.take, reports=refunds, actor=ACTOR)
        outcomes = [answer.outcome for answer in answers]
    else:
        outcomes = transactions.commit(recording.record_reversals, reports=refunds, actor=ACTOR)
    in_order = sorted(zip(refunds, outcomes, strict=True), key=lambda pair: (pair[0].occurred_at, pair[0].external_id))
    assert [outcome for _refund, outcome in in_order] == [recount.refunded(refund) for refund, _outcome in in_order]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_point_of_two_weeks_of_refunds(bank, seed):
    dice, recount = random.Random(seed), Recount()
    for place in range(DAYS):
        today = FIRST_BUSINESS_DATE + place * DAY
        a_day(dice, today, bank, recount)
        assert [run.business_date for run in closing.close(through=today, way="test")] == [today]

    reward, growth = PointCurrency.objects.get(code="points"), PointCurrency.objects.get(code="growth")
    standing = {purse.member_id: purse for purse in Purse.objects.filter(currency_id=reward.pk)}
    for member in bank:
        balance, purse = recount.balance(member.number), standing[member.pk]
        assert (purse.available, purse.pending, purse.owed) == (max(balance, 0), 0, max(-balance, 0))
    by_day: Counter[tuple[int, datetime.date]] = Counter()
    ids = {member.number: member.pk for member in bank}
    for purchase in recount.purchases.values():
        by_day[ids[purchase.member], purchase.day] += purchase.kept(GROWTH)
    for member in bank:
        total = 0
        rows = RunningTotal.objects.filter(member_id=member.pk).order_by("day").values_list("day", "total")
        for day in sorted(day for owner, day in by_day if owner == member.pk):
            total += by_day[member.pk, day]
            assert [stood for since, stood in rows if since <= day][-1:] in ([total], [] if total == 0 else [total])
        assert Purse.objects.get(member_id=member.pk, currency_id=growth.pk).available == total
    assert Reversal.objects.count() == sum(len(purchase.parts) for purchase in recount.purchases.values())
    refused = ParkedReversal.objects.exclude(outcome__in=["parked", "recorded"])
    assert set(refused.values_list("external_id", flat=True)) == recount.refused
    assert not proving.broken(
        transactions.commit(proving.prove_all, as_of=FIRST_BUSINESS_DATE + (DAYS - 1) * DAY, at=clock.now())
    )
    # All of it has occurred: many clawbacks, debts, refunds that came too early and some of these too large.
    assert Entry.objects.filter(kind=Kind.CLAWBACK).count() > 100
    assert recount.refused
    assert ParkedReversal.objects.filter(outcome="recorded").count() > 10
    assert Entry.objects.filter(currency_id=reward.pk, balance_after__lt=0).exists()
