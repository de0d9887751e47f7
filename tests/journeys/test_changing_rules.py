"""New rules come into force in one step, protect whom they would lower, and are taken back; what was decided before stays.

Wang joined on 15 January 2024. Pan proposes, Qiu or Cao decides (tests/tiers/rules.py).
"""

import datetime
import uuid

import pytest

from foundation.actors import Actor
from tests.campaigns.night import close_on, earn_all, points_of
from tests.factories import ActivityFactory, EarningRuleVersionFactory, MemberFactory
from tests.tiers.rules import APRIL, AT, JUNE, Rules, approve, assemble, enact, stored
from tiers import proposing, reviewing, standings
from tiers.models import Decision

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NIGHT = Actor.job("close_day")


def by_tenure(silver_months: int, gold_months: int, **multipliers: str) -> dict:
    tenure = [
        {"tier": tier, "metric": "tenure", "enter": months}
        for tier, months in (("silver", silver_months), ("gold", gold_months))
    ]
    return {"calendar": "nightly", "downgrade": "immediate", "multipliers": multipliers, "conditions": tenure}


SILVER_AT_A_YEAR = by_tenure(12, 60, silver="2", gold="5")
GOLD_AT_A_YEAR = by_tenure(6, 12, silver="3", gold="7")
SILVER_AT_FIVE_YEARS = by_tenure(60, 120, silver="2", gold="5")


@pytest.fixture
def rules() -> Rules:
    rules = assemble()
    stored(rules.programme, SILVER_AT_A_YEAR, number=2, start=datetime.date(2026, 1, 1))
    return rules


@pytest.fixture
def wang(rules: Rules):
    return MemberFactory(branch=rules.head_office, joined_on=datetime.date(2024, 1, 15))


def review(first: datetime.date, last: datetime.date) -> None:
    """Close the nights of `first` to `last` as far as tiers go."""
    day = first
    while day <= last:
        reviewing.review(as_of=day, first_member=1, last_member=2**63 - 1, run=None, actor=NIGHT)
        day += DAY


def decided(member) -> list[tuple]:
    rows = Decision.objects.filter(member=member).order_by("as_of").select_related("rule_book", "to_tier")
    return [(row.as_of, row.outcome, row.to_tier.code, row.rule_book.number) for row in rows]


def tier_on(member, day: datetime.date) -> str:
    [stood] = standings.at(member_id=member.pk, day=day)
    return stood.tier.code


def at(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(4), datetime.UTC)


def earned_on(member, *days: datetime.date) -> list[int]:
    """Return what a payment of ¥100 on each of the days earned, all of them booked in one night after them."""
    EarningRuleVersionFactory()
    night = max(days) + DAY
    for place, day in enumerate(days):
        ActivityFactory(member=member, occurred_on=day, booked_on=night, external_id=f"T{place}")
    close_on(night)
    earn_all(night)
    return points_of(member)


def test_new_rules_come_and_go_and_each_day_keeps_its_own(rules: Rules, wang) -> None:
    review(APRIL - 3 * DAY, APRIL - 3 * DAY)
    enact(rules, GOLD_AT_A_YEAR, start=APRIL)
    review(APRIL - 2 * DAY, APRIL + 4 * DAY)
    back = proposing.ask_to_roll_back(
        id=uuid.uuid4(), book=rules.programme.rule_books.get(number=2), protected_until=None, reason="too generous",
        actor=Actor(user=rules.pan), at=at(APRIL + 4 * DAY),
    )  # fmt: skip
    approve(back, rules.cao, at=at(APRIL + 4 * DAY))

    review(APRIL + 5 * DAY, APRIL + 8 * DAY)

    assert decided(wang) == [
        (APRIL - 3 * DAY, "upgraded", "silver", 2),
        (APRIL, "upgraded", "gold", 3),
        (APRIL + 5 * DAY, "downgraded", "silver", 4),
    ]
    days = [APRIL - DAY, APRIL, APRIL + DAY, APRIL + 5 * DAY, APRIL + 6 * DAY]
    assert [tier_on(wang, day) for day in days] == ["silver", "gold", "gold", "silver", "silver"]
    # The multiplier is that of the standing of the day before, in the words of the version of the day itself.
    assert earned_on(wang, *days) == [200, 300, 700, 500, 200]


def test_a_withdrawn_version_is_never_followed(rules: Rules, wang) -> None:
    review(APRIL - 3 * DAY, APRIL - 3 * DAY)
    book = enact(rules, GOLD_AT_A_YEAR, start=APRIL)
    made = proposing.ask_to_withdraw(
        id=uuid.uuid4(), book=book, reason="not this year", actor=Actor(user=rules.pan), at=AT
    )
    approve(made, rules.qiu)

    review(APRIL - 2 * DAY, APRIL + 2 * DAY)

    assert decided(wang) == [(APRIL - 3 * DAY, "upgraded", "silver", 2)]
    assert earned_on(wang, APRIL - DAY, APRIL + DAY) == [200, 200]


def test_whom_new_rules_would_lower_is_protected_until_the_day_said(rules: Rules, wang) -> None:
    review(APRIL - 3 * DAY, APRIL - 3 * DAY)
    book = enact(rules, SILVER_AT_FIVE_YEARS, start=APRIL, protected_until=JUNE)

    review(APRIL, JUNE)

    assert book.protected_until == JUNE
    assert decided(wang) == [(APRIL - 3 * DAY, "upgraded", "silver", 2), (JUNE, "downgraded", "standard", 3)]
