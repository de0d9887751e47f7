"""Caps per day and month, and the bonus for the first time. Wang is a member; a yuan gives a point; all hangs on 2 March 2026."""

import datetime
import random
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import Activity
from activity.reports import ActivityReport
from campaigns.describing import describe
from campaigns.earning import earn, take
from campaigns.explaining import why
from campaigns.models import CapUse, EarningRule
from points import ledger
from points.models import Entry, Kind, PointCurrency
from tests.campaigns.night import ACTOR, close_on, earn_all, points_of
from tests.factories import (
    FIRST_BUSINESS_DATE,
    ActivityFactory,
    BankFactory,
    DecisionFactory,
    EarningRuleFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    RuleBookFactory,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
TODAY = FIRST_BUSINESS_DATE
NOON = datetime.datetime.combine(TODAY, datetime.time(4), datetime.UTC)


@pytest.fixture(autouse=True)
def bank():
    """The bank's first business date is open; gold doubles."""
    BankFactory()
    RuleBookFactory(multipliers={"gold": 2})
    PointCurrencyFactory()


@pytest.fixture
def wang():
    return MemberFactory(number="88")


def report(external_id: str, yuan: int | None, *, at: datetime.datetime = NOON, member: str = "88") -> ActivityReport:
    return ActivityReport(
        source="core",
        external_id=external_id,
        member_number=member,
        kind="card_spend",
        amount_minor=None if yuan is None else yuan * 100,
        currency="CNY",
        occurred_at=at,
    )


def taken(*reports: ActivityReport) -> list[int]:
    """Take reports on line, in one batch; return the reward points that each has earned."""
    return [answer.earned.get("points", 0) for answer in take(reports, actor=ACTOR)]


def used() -> dict[tuple[str, datetime.date], int]:
    return {(one.period, one.starts_on): one.points for one in CapUse.objects.all()}


def used_by_entries() -> Counter:
    """Return what the entries say is used of each cap, worked out without the product."""
    uses: Counter = Counter()
    versions = {v.pk: v for rule in EarningRule.objects.all() for v in rule.versions.all()}
    for entry in Entry.objects.filter(kind=Kind.EARN):
        version = versions[entry.rule_version_id]
        purse = (entry.member_id, version.rule_id, entry.currency_id)
        if version.cap_per_day:
            uses[*purse, "day", entry.occurred_on] += entry.points
        if version.cap_per_month:
            uses[*purse, "month", entry.occurred_on.replace(day=1)] += entry.points
    return uses


def uses_tie() -> bool:
    kept = CapUse.objects.values_list("member_id", "rule_id", "currency_id", "period", "starts_on", "points")
    return {tuple(key): points for *key, points in kept if points} == dict(used_by_entries())


def test_a_day_gives_no_more_than_its_cap_and_the_next_begins_anew(wang):
    EarningRuleVersionFactory(cap_per_day=100)

    assert taken(report("a", 60), report("b", 60, at=NOON + datetime.timedelta(hours=1))) == [60, 40]
    assert taken(report("c", 5), report("d", 70, at=NOON - DAY)) == [0, 70]
    assert used() == {("day", TODAY): 100, ("day", TODAY - DAY): 70}


def test_a_month_gives_no_more_than_its_cap_and_a_late_activity_uses_its_own(wang):
    EarningRuleVersionFactory(cap_per_month=100)
    late = NOON.replace(month=2, day=27)

    assert taken(report("a", 60, at=late), report("b", 90), report("c", 20), report("d", 60, at=late)) == [
        60,
        90,
        10,
        40,
    ]
    assert used() == {("month", TODAY.replace(day=1)): 100, ("month", datetime.date(2026, 2, 1)): 100}


# E10: multipliers come before caps, and of the caps the one of the activity, then of the day, then of the month; the entry says which.
def test_caps_cut_in_their_order(wang):
    EarningRuleVersionFactory(cap_per_activity=150, cap_per_day=180, cap_per_month=260)
    DecisionFactory(member=wang, tier="gold", as_of=TODAY - 3 * DAY)

    assert taken(
        report("a", 90),
        report("b", 90, at=NOON + datetime.timedelta(hours=1)),
        report("c", 60, at=NOON + datetime.timedelta(hours=13)),
    ) == [150, 30, 80]

    a, b, c = Entry.objects.order_by("number")
    shared = {"per": "amount", "rate": "1", "multiplier": "2", "programme": "loyalty", "tier": "gold"}
    assert a.figures == shared | {"amount_minor": 90_00, "uncapped": 180, "cap": 150}
    assert b.figures == a.figures | {"cap_day": 180, "left_of_day": 30}
    assert c.figures == shared | {"amount_minor": 60_00, "uncapped": 120, "cap_month": 260, "left_of_month": 80}
    assert why(b).working == "¥90.00 × 1 × Gold ×2 = 180"
    assert why(b).note == "At most 150 per activity. At most 180 per day; left that day: 30."
    assert why(c).note == "At most 260 per month; left that month: 80."


def test_inside_a_batch_caps_are_used_up_by_time_then_external_id_whatever_the_order_sent(wang):
    EarningRuleVersionFactory(cap_per_day=100)

    assert taken(
        report("z", 40, at=NOON + datetime.timedelta(hours=1)), report("b", 40), report("a", 40), report("y", 40)
    ) == [0, 40, 40, 20]


def test_each_currency_has_the_cap_for_itself_and_each_member_too(wang):
    EarningRuleVersionFactory(cap_per_day=100, growth_currency=PointCurrencyFactory(growth=True), growth_rate=3)
    li = MemberFactory(number="99")

    taken(report("a", 60), report("b", 60, member="99"))

    assert (points_of(wang), points_of(li)) == ([60, 100], [60, 100])
    assert uses_tie()


def test_rules_do_not_share_a_cap(wang):
    EarningRuleVersionFactory(cap_per_day=50)
    EarningRuleVersionFactory(cap_per_day=70)
    EarningRuleVersionFactory()

    assert taken(report("a", 100)) == [50 + 70 + 100]
    assert CapUse.objects.count() == 2


def test_a_new_version_in_the_month_decides_the_size_and_what_was_used_stays_used(wang):
    rule = EarningRuleFactory()
    EarningRuleVersionFactory(rule=rule, cap_per_month=100)
    EarningRuleVersionFactory(rule=rule, number=2, in_force_from=TODAY, cap_per_month=130)
    EarningRuleVersionFactory(rule=rule, number=3, in_force_from=TODAY + DAY, cap_per_month=90)
    before = NOON - DAY

    assert taken(report("a", 120, at=before), report("b", 120)) == [100, 30]
    close_on()
    assert taken(report("c", 5), report("d", 5, at=before)) == [0, 0]
    assert points_of(wang) == [100, 30]


def test_the_night_uses_the_same_caps_as_what_came_on_line(wang):
    EarningRuleVersionFactory(cap_per_day=100)
    taken(report("a", 70))
    ActivityFactory(member=wang, amount_minor=50_00)
    ActivityFactory(member=wang, amount_minor=50_00)
    close_on()

    assert earn_all() == {"posted": 1}
    assert points_of(wang) == [70, 30]
    assert uses_tie()


# B11: the file and the interface report one activity; it earns once and uses the cap once. A night done again changes nothing.
def test_what_comes_twice_uses_a_cap_once(wang):
    EarningRuleVersionFactory(cap_per_day=100, cap_per_month=100)
    ActivityFactory(member=wang, external_id="a", amount_minor=60_00, direction="")
    ActivityFactory(member=wang, external_id="b", amount_minor=60_00, direction="")
    close_on()

    first = earn_all()
    answers = take([report("a", 60), report("b", 60)], actor=ACTOR)
    again = earn_all()

    assert (first, again) == ({"posted": 2}, {"duplicate": 2})
    assert [(answer.outcome, answer.earned) for answer in answers] == [
        ("duplicate", {"points": 60}),
        ("duplicate", {"points": 40}),
    ]
    assert used() == {("day", TODAY): 100, ("month", TODAY.replace(day=1)): 100}


def test_a_clawback_gives_no_room_back(wang):
    EarningRuleVersionFactory(cap_per_day=100)
    taken(report("a", 100))
    points = PointCurrency.objects.get(code="points")
    ledger.post(
        [
            ledger.Posting(
                member_id=wang.pk,
                currency_id=points.pk,
                key=uuid.UUID(int=7),
                kind=Kind.CLAWBACK,
                points=-100,
                occurred_on=TODAY,
            )
        ],
        actor=ACTOR,
    )

    assert taken(report("b", 100)) == [0]
    assert points_of(wang) == [100, -100]


def test_caps_and_bonuses_below_one_are_refused_by_the_database():
    for wrong in ({"cap_per_day": 0}, {"cap_per_month": -1}, {"first_time_bonus": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            EarningRuleVersionFactory(**wrong)
    growth = PointCurrencyFactory(growth=True)
    with pytest.raises(IntegrityError, match="first_time_bonus_has_its_currency"), transaction.atomic():
        EarningRuleVersionFactory(
            first_time_bonus=5, reward_currency=None, reward_rate=0, growth_currency=growth, growth_rate=1
        )


def test_what_is_counted_can_not_be_forgotten(wang):
    EarningRuleVersionFactory(cap_per_day=100)
    taken(report("a", 100))

    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        CapUse.objects.all().delete()
    assert used() == {("day", TODAY): 100}


# --- The bonus for the first time ---


def test_the_first_activity_that_the_rule_takes_earns_the_bonus_once(wang):
    EarningRuleVersionFactory(first_time_bonus=500, minimum_amount_minor=10_00, cap_per_day=50, pending_days=3)

    assert taken(report("a", 5)) == [0]
    assert taken(report("c", 60, at=NOON + datetime.timedelta(hours=1)), report("b", 20)) == [30, 520]
    assert taken(report("d", 60, at=NOON - DAY)) == [50]

    bonus = Entry.objects.get(kind=Kind.BONUS)
    assert (bonus.points, bonus.cause, bonus.occurred_on) == (500, "activity/core/b", TODAY)
    assert (why(bonus).working, why(bonus).note) == ("500 for the first time", "")
    assert uses_tie()


def test_the_bonus_comes_once_whoever_reports_and_however_often(wang):
    version = EarningRuleVersionFactory(first_time_bonus=500, minimum_amount_minor=1)
    ActivityFactory(member=wang, external_id="a", amount_minor=None, direction="")
    close_on()

    assert earn_all() == {}
    EarningRuleVersionFactory(
        rule=version.rule, number=2, in_force_from=TODAY - DAY, first_time_bonus=700, minimum_amount_minor=1
    )
    ActivityFactory(member=wang, external_id="b", amount_minor=1_00, direction="")

    assert earn_all() == {"posted": 2}
    assert earn_all() == {"duplicate": 1}
    assert take([report("b", 1)], actor=ACTOR)[0].earned == {"points": 701}
    assert points_of(wang) == [1, 700]


def test_members_and_rules_have_their_bonus_each(wang):
    for bonus in (5, 6):
        EarningRuleVersionFactory(first_time_bonus=bonus, reward_rate=1)
    MemberFactory(number="99")

    assert taken(report("a", 1), report("b", 1, member="99"), report("c", 1)) == [13, 13, 2]


# --- The set, whole ---


def test_a_rule_tells_its_caps_and_its_bonus():
    version = EarningRuleVersionFactory(cap_per_day=100, cap_per_month=1_000, first_time_bonus=200)

    told = describe(version)

    assert "On one day a member earns at most 100 points of a kind; who would earn 151 is given 100." in told
    assert "In one month a member earns at most 1,000 points of a kind; who would earn 1,501 is given 1,000." in told
    assert "The first activity of a member that this rule takes earns 200 Points more, once, beside all limits." in told
    assert "For example, ¥240.00 earns 100 Points before any multiplier." in told


def test_caps_take_two_statements_more_and_bonuses_one_however_many_activities(wang):
    def statements(activities: int, prefix: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            taken(*[report(f"{prefix}{n}", 1) for n in range(activities)])
        return len(captured)

    EarningRuleVersionFactory()
    taken(report("first", 1))
    plain = statements(1, "a")
    EarningRuleVersionFactory(cap_per_day=10, cap_per_month=20)
    capped = statements(1, "b")
    EarningRuleVersionFactory(first_time_bonus=5)

    assert [capped, statements(1, "c"), statements(500, "d")] == [plain + 2, plain + 3, plain + 3]


class Undone(Exception):
    """Ends a trial, so that its writes are rolled back."""


def sums_after(act) -> tuple[dict, dict]:
    """Return what each member has of each rule per day and per month after `act`, which leaves no trace; the uses tie."""
    days, months = Counter(), Counter()
    with pytest.raises(Undone), transaction.atomic():
        act()
        for entry in Entry.objects.filter(kind=Kind.EARN):
            days[entry.member_id, entry.rule_version_id, entry.currency_id, entry.occurred_on] += entry.points
            months[entry.member_id, entry.rule_version_id, entry.currency_id, entry.occurred_on.month] += entry.points
        assert uses_tie()
        bonuses = Entry.objects.filter(kind=Kind.BONUS)
        months.update((bonus.member_id, bonus.rule_version_id, "bonus", 0) for bonus in bonuses)
        raise Undone
    return dict(days), dict(months)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_any_split_into_batches_and_the_night_gives_the_same_sums(wang, seed, sizes):
    """Per member, rule and month always; per day too where only days are capped, for a month's cap may fall on another day."""
    dice = random.Random(seed)
    growth = PointCurrencyFactory(growth=True)
    with transaction.atomic():
        rules = [
            EarningRuleVersionFactory(
                rule__code=f"{name}-{seed}",
                growth_currency=growth,
                growth_rate=2,
                cap_per_day=dice.choice([None, 37, 90]) if name != "month" else None,
                cap_per_month=dice.choice([60, 200]) if name != "day" else None,
                first_time_bonus=dice.choice([None, 11]),
            )
            for name in ("day", "month", "both")
        ]
        li = MemberFactory()
        DecisionFactory(member=li, tier="gold", as_of=TODAY - 50 * DAY)
        reports = [
            report(
                f"T{n}",
                dice.choice([None, 0, 1, dice.randrange(60)]),
                member=dice.choice(["88", li.number]),
                at=NOON - dice.choice([0, 0, 1, 1, 2, 3, 40]) * DAY,
            )
            for n in range(sum(sizes))
        ]

        def batches() -> Iterator[list[ActivityReport]]:
            rest = dice.sample(reports, k=len(reports))
            for size in sizes:
                yield rest[:size]
                del rest[:size]

        def leave_to_the_night() -> None:
            ids = {"88": wang.pk, li.number: li.pk}
            for one in reports:
                ActivityFactory(
                    member_id=ids[one.member_number],
                    external_id=one.external_id,
                    amount_minor=one.amount_minor,
                    occurred_at=one.occurred_at,
                    occurred_on=one.occurred_at.date(),
                )
            close_on()
            for member_id in ids.values():
                earn(business_date=TODAY, first_member=member_id, last_member=member_id, actor=ACTOR)

        by_day, by_month = zip(
            sums_after(lambda: taken(*reports)),
            sums_after(lambda: [taken(*batch) for batch in batches()]),
            sums_after(lambda: [taken(one) for one in reports[::-1]]),
            sums_after(leave_to_the_night),
            strict=True,
        )
        only_days = rules[0].pk
        assert len({frozenset(sums.items()) for sums in by_month}) == 1
        assert len({frozenset((k, v) for k, v in sums.items() if k[1] == only_days) for sums in by_day}) == 1
        transaction.set_rollback(True)
    assert not Activity.objects.exists()
