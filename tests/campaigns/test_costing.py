"""What changed multipliers cost, entry by entry, beside an independent sum."""

import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from activity.reports import ActivityReport
from campaigns import earning
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from points.models import Entry, Kind, PointCurrency
from tests.factories import BankFactory, EarningRuleVersionFactory, MemberFactory, ProgrammeFactory, RuleBookFactory
from tiers import rehearsing
from tiers.models import Decision, Tier, TierTerms

pytestmark = pytest.mark.django_db
MONDAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)
NIGHT = Actor.job("test")
AT = datetime.datetime(2026, 6, 1, 4, tzinfo=datetime.UTC)
CAP = 300
# Everybody who has been here for a month would be gold at once, at 1.5 instead of 1.
DRAFT = {
    "multipliers": {"silver": "1.2", "gold": "1.5"},
    "conditions": [
        {"tier": "silver", "metric": "tenure", "enter": 1},
        {"tier": "gold", "metric": "tenure", "enter": 2},
    ],
}


@pytest.fixture(autouse=True)
def bank():
    BankFactory(first_business_date=MONDAY)


def spend(member, number, amount_minor, day):
    return ActivityReport(
        source="core", external_id=f"{member.pk}-{number}", kind="card_spend", member_number=member.number,
        amount_minor=amount_minor, occurred_at=datetime.datetime.combine(day, datetime.time(4), datetime.UTC),
    )  # fmt: skip


def rehearse(programme, document):
    BusinessDate.objects.all().delete()
    BusinessDate.objects.create(date=MONDAY + 6 * DAY, status="closed")
    BusinessDate.objects.create(date=MONDAY + 7 * DAY)
    rehearsal = rehearsing.start(programme=programme, months=1, document=document, actor=NIGHT, at=AT)
    while rehearsing.do_next(rehearsal=rehearsal, plan=rehearsing.plan_of(rehearsal)):
        pass
    return rehearsing.finish(rehearsal_id=rehearsal.pk, at=AT).result["cost"]


def test_entries_are_computed_again_with_the_rehearsed_tier_and_multiplier():
    """The tier of the evening before counts; a cap per activity holds; what has no entry is left out."""
    programme = ProgrammeFactory()
    RuleBookFactory(programme=programme, in_force_from=MONDAY - 400 * DAY)
    rate = Decimal("1.1")
    EarningRuleVersionFactory(reward_rate=rate, cap_per_activity=CAP, in_force_from=MONDAY - 400 * DAY)
    PointCurrency.objects.filter(code="points").update(worth_minor=Decimal("0.5"))
    old, new = MemberFactory(joined_on=MONDAY - 300 * DAY), MemberFactory(joined_on=MONDAY)
    amounts = [(19_99, 0), (100_00, 2), (250_00, 4), (0, 5)]
    reports = [
        spend(one, n, amount, MONDAY + day * DAY) for one in (old, new) for n, (amount, day) in enumerate(amounts)
    ]
    earning.take(reports, actor=NIGHT)
    assert Entry.objects.count() == 6

    [cost] = rehearse(programme, DRAFT)["multipliers"]

    once = [min(int(Fraction(rate) * amount / 100), CAP) for amount, _day in amounts]
    then = [min(int(Fraction(rate) * Fraction(3, 2) * amount / 100), CAP) for amount, _day in amounts]
    more = sum(then) - sum(once)
    assert more > 0
    assert cost == {"currency": "points", "points": more, "amount_minor": int(Decimal(more) / 2 + Decimal("0.5"))}


def test_lower_tiers_and_capped_days_cost_less_or_nothing():
    """Gold that doubled is gone under the draft; a member whose day was capped already gets nothing more by a better tier."""
    programme = ProgrammeFactory()
    book = RuleBookFactory(programme=programme, in_force_from=MONDAY - 400 * DAY)
    gold = Tier.objects.get(programme=programme, code="gold")
    TierTerms.objects.create(rule_book=book, tier=gold, multiplier=2)
    EarningRuleVersionFactory(reward_rate=1, cap_per_day=150, in_force_from=MONDAY - 400 * DAY)
    was_gold, capped = MemberFactory(joined_on=MONDAY - 20 * DAY), MemberFactory(joined_on=MONDAY - 300 * DAY)
    Decision.objects.create(
        member=was_gold, programme=programme, as_of=MONDAY - 60 * DAY, from_tier=programme.tiers.get(rank=0), to_tier=gold,
        outcome="upgraded", figures={}, rule_book=book,
    )  # fmt: skip
    earning.take([spend(was_gold, 1, 40_00, MONDAY), spend(capped, 1, 200_00, MONDAY)], actor=NIGHT)
    assert sorted(Entry.objects.filter(kind=Kind.EARN).values_list("points", flat=True)) == [80, 150]

    [cost] = rehearse(programme, DRAFT)["multipliers"]

    # He is lowered by the first night that he is a member in, three weeks before he spends.
    assert cost["points"] == 40 - 80


def test_of_several_programmes_the_best_still_multiplies():
    programme, premier = ProgrammeFactory(), ProgrammeFactory(code="premier", is_main=False)
    for one in (programme, premier):
        RuleBookFactory(programme=one, in_force_from=MONDAY - 400 * DAY)
    book = premier.rule_books.get()
    standard = premier.tiers.get(rank=0)
    TierTerms.objects.create(rule_book=book, tier=standard, multiplier=Decimal("1.4"))
    version = EarningRuleVersionFactory(reward_rate=1, in_force_from=MONDAY - 400 * DAY)
    version.programmes.set([programme, premier])
    member = MemberFactory(joined_on=MONDAY - 300 * DAY)
    earning.take([spend(member, 1, 100_00, MONDAY)], actor=NIGHT)
    assert Entry.objects.get().points == 140

    [cost] = rehearse(programme, DRAFT)["multipliers"]

    assert cost["points"] == 150 - 140


def test_standard_that_is_worth_more_counts_for_everybody():
    """Who never left standard is passed over only while standard is worth the same."""
    programme = ProgrammeFactory()
    RuleBookFactory(programme=programme, in_force_from=MONDAY - 400 * DAY)
    EarningRuleVersionFactory(reward_rate=1, in_force_from=MONDAY - 400 * DAY)
    earning.take([spend(MemberFactory(joined_on=MONDAY), 1, 100_00, MONDAY)], actor=NIGHT)

    costs = [rehearse(programme, DRAFT | {"multipliers": {"standard": worth}})["multipliers"] for worth in ("1", "1.1")]

    assert [sum(cost["points"] for cost in told) for told in costs] == [0, 10]


def test_a_tier_that_is_lost_leaves_the_second_best_programme():
    programme, premier = ProgrammeFactory(), ProgrammeFactory(code="premier", is_main=False)
    books = [RuleBookFactory(programme=one, in_force_from=MONDAY - 400 * DAY) for one in (programme, premier)]
    gold = programme.tiers.get(code="gold")
    TierTerms.objects.create(rule_book=books[0], tier=gold, multiplier=2)
    TierTerms.objects.create(rule_book=books[1], tier=premier.tiers.get(rank=0), multiplier=Decimal("1.4"))
    version = EarningRuleVersionFactory(reward_rate=1, in_force_from=MONDAY - 400 * DAY)
    version.programmes.set([programme, premier])
    member = MemberFactory(joined_on=MONDAY - 20 * DAY)
    Decision.objects.create(
        member=member, programme=programme, as_of=MONDAY - 60 * DAY, from_tier=programme.tiers.get(rank=0), to_tier=gold,
        outcome="upgraded", figures={}, rule_book=books[0],
    )  # fmt: skip
    earning.take([spend(member, 1, 100_00, MONDAY)], actor=NIGHT)
    assert Entry.objects.get().points == 200

    [cost] = rehearse(programme, DRAFT)["multipliers"]

    assert cost["points"] == 140 - 200


def test_a_rule_that_another_programme_multiplies_costs_nothing():
    programme, premier = ProgrammeFactory(), ProgrammeFactory(code="premier", is_main=False)
    RuleBookFactory(programme=programme, in_force_from=MONDAY - 400 * DAY)
    version = EarningRuleVersionFactory(reward_rate=1, in_force_from=MONDAY - 400 * DAY)
    version.programmes.set([premier])
    earning.take([spend(MemberFactory(joined_on=MONDAY - 300 * DAY), 1, 100_00, MONDAY)], actor=NIGHT)

    assert rehearse(programme, DRAFT) == {"multipliers": [], "benefits": None}
