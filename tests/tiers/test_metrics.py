"""What is measured: each metric at its minimum less one, its minimum and one more; windows that begin with a year; who is ruled out."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from activity.models import GradeReport
from foundation.actors import Actor
from tests.factories import (
    BankFactory,
    ConditionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tiers import compiling, reviewing, standings
from tiers.compiling import Statement, evaluate, ladders_in_force
from tiers.explaining import explain
from tiers.models import IN_GROWTH_POINTS, Decision, Metric, RunningTotal

pytestmark = pytest.mark.django_db
MARCH_31 = datetime.date(2026, 3, 31)
DAY = datetime.timedelta(days=1)
WITHOUT_SERIES = {Metric.TENURE, Metric.CREDIT_GRADE, Metric.RISK_GRADE}


@pytest.fixture(autouse=True)
def bank():
    BankFactory()


def review(as_of, *, first=1, last=2**63 - 1):
    return reviewing.review(as_of=as_of, first_member=first, last_member=last, run=None, actor=Actor.job("close_day"))


def tier_of(member, as_of=MARCH_31):
    """Return the tier that a review as of a date leaves the member in."""
    review(as_of)
    [stood] = standings.at(member_id=member.pk, day=as_of)
    return stood.tier.code


def ask(metric, minimum, *, book=None, rank=1, **keys):
    """Make a condition of a tier, of the only rule book."""
    book = book or RuleBookFactory()
    series = None
    if metric in IN_GROWTH_POINTS:
        series = SeriesFactory(growth=True)
    elif metric not in WITHOUT_SERIES:
        series = SeriesFactory(metric=metric, selection=keys.pop("selection", []))
    ConditionFactory(
        rule_book=book, tier=book.programme.tiers.get(rank=rank), metric=metric, series=series, enter_minimum=minimum,
        **({"excludes": True} if metric == Metric.RISK_GRADE else {}) | keys,
    )  # fmt: skip
    return book


def total(member, metric, changes):
    """Write the running totals of changes by day."""
    series = SeriesFactory(growth=True) if metric == "growth_points" else SeriesFactory(metric=metric)
    for day in sorted(changes):
        RunningTotal.objects.create(
            member_id=member.pk, series_id=series.pk, day=day, first_day=min(changes),
            total=sum(change for other, change in changes.items() if other <= day),
        )  # fmt: skip


def grade(member, value, *, day=MARCH_31, scale="credit", revision=1, booked_on=None):
    GradeReport.objects.create(
        member_id=member.pk,
        scale=scale,
        day=day,
        revision=revision,
        grade=value,
        booked_on=booked_on or day,
        source_id=1,
    )


@pytest.mark.parametrize(("amount", "tier"), [(499_99, "standard"), (500_00, "silver"), (500_01, "silver")])
def test_an_amount_of_transactions_is_reached_exactly(amount, tier):
    ask(Metric.TRANSACTION_AMOUNT, 500_00, window="months", window_length=1)
    member = MemberFactory()
    total(member, "transaction_amount", {MARCH_31 - 31 * DAY: 7_00, MARCH_31: amount})

    assert tier_of(member) == tier
    key = "transaction_amount:*/1m"
    assert [one.figures for one in Decision.objects.all()] == ([] if tier == "standard" else [{key: amount}])


class TestCreditGrade:
    @pytest.mark.parametrize(("value", "tier"), [(6, "standard"), (7, "silver"), (8, "silver")])
    def test_a_grade_is_reached_exactly(self, value, tier):
        ask(Metric.CREDIT_GRADE, 7)
        member = MemberFactory()
        grade(member, value)

        assert tier_of(member) == tier

    def test_the_last_report_counts_in_its_last_revision(self):
        ask(Metric.CREDIT_GRADE, 7)
        better, worse, corrected = MemberFactory.create_batch(3)
        grade(better, 1, day=MARCH_31 - 30 * DAY)
        grade(better, 9, day=MARCH_31 - 3 * DAY)
        grade(worse, 9, day=MARCH_31 - 30 * DAY)
        grade(worse, 1, day=MARCH_31 - 3 * DAY)
        grade(corrected, 9)
        grade(corrected, 1, revision=2)

        assert [tier_of(one) for one in (better, worse, corrected)] == ["silver", "standard", "standard"]

    def test_what_is_reported_or_booked_later_does_not_count_yet(self):
        ask(Metric.CREDIT_GRADE, 7)
        member = MemberFactory()
        grade(member, 9, day=MARCH_31 - DAY)
        grade(member, 1, day=MARCH_31 - DAY, revision=2, booked_on=MARCH_31 + DAY)
        grade(member, 2, day=MARCH_31 + DAY)

        assert tier_of(member) == "silver"
        assert tier_of(member, MARCH_31 + DAY) == "standard"

    def test_without_a_grade_nothing_is_reached_and_that_is_told(self):
        book = ask(Metric.CREDIT_GRADE, 1)
        member = MemberFactory()
        grade(member, 9, scale="risk")

        assert tier_of(member) == "standard"
        told = explain(member=member, programme=book.programme, as_of=MARCH_31)
        [measured] = told.rising[0].measured
        assert (measured.value.rounded, measured.value_shown, measured.met, measured.percent) == (
            None,
            "none",
            False,
            0,
        )
        assert told.outlook == ["Missing for Silver: a credit grade of at least 1. It is given the night all is met."]

    def test_a_grade_is_kept_at_its_minimum_to_keep(self):
        ask(Metric.CREDIT_GRADE, 7, keep_minimum=5)
        member = MemberFactory()
        grade(member, 7, day=MARCH_31)
        grade(member, 5, day=MARCH_31 + DAY)
        grade(member, 4, day=MARCH_31 + 2 * DAY)

        assert [tier_of(member, MARCH_31 + day * DAY) for day in range(3)] == ["silver", "silver", "standard"]
        told = explain(member=member, programme=ProgrammeFactory._meta.model.objects.get(), as_of=MARCH_31 + 2 * DAY)
        assert (
            told.reason
            == "Standard since 2 April 2026, down from Silver, because of a credit grade of 4 (5 or better is asked)."
        )


class TestContribution:
    @pytest.mark.parametrize(("points", "tier"), [(899, "standard"), (900, "silver"), (901, "silver")])
    def test_all_points_since_joining_count(self, points, tier):
        ask(Metric.CUMULATIVE_CONTRIBUTION, 900)
        member = MemberFactory(joined_on=datetime.date(2015, 5, 5))
        total(
            member,
            "growth_points",
            {datetime.date(2015, 5, 4): 5000, datetime.date(2015, 5, 5): 100, MARCH_31: points - 100},
        )

        assert tier_of(member) == tier

    def test_it_shares_the_series_of_growth_points(self):
        book = ask(Metric.CUMULATIVE_CONTRIBUTION, 900)
        ask(Metric.GROWTH_POINTS, 10, book=book, window="days", window_length=1)
        member = MemberFactory()
        total(member, "growth_points", {MARCH_31 - 40 * DAY: 890, MARCH_31: 10})

        review(MARCH_31)

        decision = Decision.objects.get()
        assert decision.figures == {"cumulative_contribution:growth": 900, "growth_points:growth/1d": 10}
        told = explain(member=member, programme=book.programme, as_of=MARCH_31)
        assert told.reason.endswith(
            "because of 900 growth points since joining (900 or more are asked)"
            " and 10 growth points on the last day (10 or more are asked)."
        )


class TestRuledOut:
    """Gold and higher are ruled out from risk grade 4 on; silver, gold and platinum ask for 1, 2 and 3 transactions."""

    @pytest.fixture
    def book(self):
        book = RuleBookFactory(programme=ProgrammeFactory(tiers=["standard", "silver", "gold", "platinum"]))
        for rank in (1, 2, 3):
            ask(Metric.TRANSACTION_COUNT, rank, book=book, rank=rank, window="days", window_length=30)
        return ask(Metric.RISK_GRADE, 4, book=book, rank=2)

    @pytest.mark.parametrize(("risk", "tier"), [(None, "platinum"), (3, "platinum"), (4, "silver"), (5, "silver")])
    def test_a_risk_grade_rules_its_tier_and_every_higher_one_out(self, book, risk, tier):
        member = MemberFactory()
        total(member, "transaction_count", {MARCH_31: 3})
        if risk is not None:
            grade(member, risk, scale="risk")
        grade(member, 9)

        assert tier_of(member) == tier
        assert Decision.objects.get().figures == {"transaction_count:*/30d": 3, "risk_grade": risk}

    def test_who_holds_the_tier_loses_it_and_is_told_why(self, book):
        member = MemberFactory()
        total(member, "transaction_count", {MARCH_31: 3})
        assert tier_of(member) == "platinum"
        grade(member, 4, day=MARCH_31 + DAY, scale="risk")

        assert tier_of(member, MARCH_31 + DAY) == "silver"
        told = explain(member=member, programme=book.programme, as_of=MARCH_31 + DAY)
        assert (
            told.reason
            == "Silver since 1 April 2026, down from Platinum, because of a risk grade of 4 (under 4 is asked)."
        )
        assert told.outlook[-1] == "Missing for Gold: a risk grade under 4. It is given the night all is met."
        assert told.kept
        [transactions, risk] = told.rising[0].measured
        assert (transactions.met, transactions.percent) == (True, 100)
        assert (risk.excludes, risk.met, risk.gap, risk.percent) == (True, False, 1, 0)
        assert (risk.value_shown, risk.minimum_shown) == ("4", "under 4")

    def test_of_several_the_strictest_rules(self, book):
        ask(Metric.RISK_GRADE, 2, book=book, rank=3)
        member = MemberFactory()
        total(member, "transaction_count", {MARCH_31: 3})
        grade(member, 2, scale="risk")

        assert tier_of(member) == "gold"
        [ladder] = ladders_in_force(as_of=MARCH_31)
        assert [[one.enter_minimum for one in ladder.exclusions_of(tier)] for tier in ladder.tiers] == [
            [],
            [],
            [4],
            [2],
        ]

    @pytest.mark.parametrize(
        "keys",
        [
            {"metric": "risk_grade", "excludes": False},
            {"metric": "credit_grade", "excludes": True},
            {"metric": "risk_grade", "excludes": True, "keep_minimum": 11},
        ],
    )
    def test_the_database_lets_nothing_but_a_risk_grade_rule_out(self, book, keys):
        with pytest.raises(IntegrityError, match="risk_grade_excludes_and_nothing_else_does"), transaction.atomic():
            ConditionFactory(rule_book=book, **keys)


class TestYears:
    @pytest.mark.parametrize(
        ("as_of", "counted"),
        [
            (datetime.date(2025, 12, 31), 7),  # 3 on 1 January, 4 on 31 December
            (datetime.date(2026, 1, 1), 5),  # the new year's first day
            (datetime.date(2026, 1, 2), 11),
            (datetime.date(2024, 12, 31), 2),
        ],
    )
    def test_a_calendar_year_begins_on_1_january(self, as_of, counted):
        ask(Metric.TRANSACTION_COUNT, 1, window="year")
        member = MemberFactory()
        days = {(2024, 12, 31): 2, (2025, 1, 1): 3, (2025, 12, 31): 4, (2026, 1, 1): 5, (2026, 1, 2): 6}
        total(member, "transaction_count", {datetime.date(*day): count for day, count in days.items()})

        review(as_of)

        assert Decision.objects.get().figures == {"transaction_count:*/year": counted}

    @pytest.mark.parametrize(
        ("joined_on", "as_of", "first_day"),
        [
            ((2024, 6, 15), (2026, 6, 14), (2025, 6, 15)),
            ((2024, 6, 15), (2026, 6, 15), (2026, 6, 15)),
            ((2024, 6, 15), (2026, 6, 16), (2026, 6, 15)),
            ((2026, 3, 1), (2026, 3, 31), (2026, 3, 1)),
            ((2026, 3, 31), (2026, 3, 31), (2026, 3, 31)),
            ((2024, 2, 29), (2026, 2, 27), (2025, 2, 28)),
            ((2024, 2, 29), (2026, 2, 28), (2026, 2, 28)),
            ((2020, 2, 29), (2024, 2, 28), (2023, 2, 28)),
            ((2020, 2, 29), (2024, 2, 29), (2024, 2, 29)),
            ((2023, 12, 31), (2026, 1, 31), (2025, 12, 31)),
        ],
    )
    def test_a_membership_year_begins_on_the_last_anniversary(self, joined_on, as_of, first_day):
        """One counts on its first day, a hundred on the day before."""
        joined_on, as_of, first_day = (datetime.date(*one) for one in (joined_on, as_of, first_day))
        ask(Metric.TRANSACTION_COUNT, 1, window="membership_year")
        member = MemberFactory(joined_on=joined_on)
        total(member, "transaction_count", {first_day - DAY: 100, first_day: 1})

        review(as_of)

        assert Decision.objects.get().figures == {"transaction_count:*/membership_year": 1}

    @pytest.mark.parametrize(
        ("window", "counted"),
        [
            # The eve of the anniversary, the day, the day after: a transaction on each day since long ago.
            ({"window": "membership_year"}, [365, 1, 2]),
            ({"window": "months", "window_length": 12}, [365, 365, 365]),
        ],
    )
    def test_around_an_anniversary_twelve_months_are_the_year_that_has_gone(self, window, counted):
        ask(Metric.TRANSACTION_COUNT, 1, **window)
        anniversary = datetime.date(2026, 3, 15)
        member = MemberFactory(joined_on=datetime.date(2024, 3, 15))
        total(member, "transaction_count", {anniversary + number * DAY: 1 for number in range(-500, 2)})
        [ladder] = ladders_in_force(as_of=MARCH_31)
        standard = ladder.tiers[0]

        days = [anniversary - DAY, anniversary, anniversary + DAY]
        found = evaluate(ladder=ladder, member_id=member.pk, days=days, present=standard)

        assert [value.total for values, _tier in found for value in values.values()] == counted

    def test_members_of_one_review_have_each_a_year_of_their_own(self):
        ask(Metric.TRANSACTION_COUNT, 2, window="membership_year")
        wang, li = (
            MemberFactory(joined_on=datetime.date(2024, 3, 1)),
            MemberFactory(joined_on=datetime.date(2024, 3, 2)),
        )
        for member in (wang, li):
            total(member, "transaction_count", {datetime.date(2026, 3, 1): 1, datetime.date(2026, 3, 2): 1})

        assert [tier_of(member) for member in (wang, li)] == ["silver", "standard"]

    def test_an_average_over_a_membership_year_is_of_its_own_days(self):
        ask(Metric.AVERAGE_ASSETS, 1, window="membership_year")
        member = MemberFactory(joined_on=datetime.date(2024, 3, 22))
        RunningTotal.objects.create(
            member_id=member.pk,
            series_id=SeriesFactory().pk,
            day=MARCH_31 - 100 * DAY,
            first_day=MARCH_31 - 100 * DAY,
            level=50,
            total=0,
        )

        review(MARCH_31)

        assert Decision.objects.get().figures == {"average_assets:*/membership_year": {"total": 500, "days": 10}}


def every_metric(programme=None):
    """Make a rule book whose gold asks for everything there is, over every kind of window."""
    book = RuleBookFactory(**{"programme": programme} if programme else {})
    windows = [("months", 12), ("days", 90), ("year", None), ("membership_year", None)]
    for number, metric in enumerate(Metric):
        for group, (window, length) in enumerate(windows, start=1):
            keys = {"window": window, "window_length": length} if metric in compiling.WINDOWED else {}
            if metric != Metric.RISK_GRADE or group == 1:
                ask(metric, 1 + number, book=book, rank=2, group=group, **keys)
    return book


@pytest.mark.parametrize("metric", Metric)
def test_without_facts_a_member_is_standard_and_the_explanation_says_what_is_missing(metric):
    keys = {"window": "membership_year"} if metric in compiling.WINDOWED else {}
    book = ask(metric, 7, **keys)
    if metric == Metric.RISK_GRADE:
        ask(Metric.TENURE, 7, book=book)
    member = MemberFactory(joined_on=MARCH_31)

    counts = review(MARCH_31)

    assert (counts["reviewed"], counts["upgraded"], Decision.objects.count()) == (1, 0, 0)
    [ladder] = ladders_in_force(as_of=MARCH_31)
    [(values, reached)] = evaluate(ladder=ladder, member_id=member.pk, days=[MARCH_31], present=ladder.tiers[0])
    assert reached.rank == 0 and not any(value.reaches(7) for value in values.values())
    told = explain(member=member, programme=book.programme, as_of=MARCH_31)
    assert told.tier.rank == 0 and told.sentences[1].startswith("Missing for Silver: ")
    assert (
        explain(member=member, programme=book.programme, as_of=MARCH_31 - 400 * DAY).tier.rank == 0
    )  # before he joined


def test_however_many_members_and_metrics_a_review_takes_as_many_statements():
    every_metric()
    alone, *others = MemberFactory.create_batch(40)
    with CaptureQueriesContext(connection) as for_one:
        assert review(MARCH_31, last=alone.pk)["reviewed"] == 1
    with CaptureQueriesContext(connection) as for_many:
        assert review(MARCH_31, first=others[0].pk)["reviewed"] == 39

    assert len(for_one) == len(for_many) <= 6


def test_every_probe_goes_by_a_primary_key():
    """Grades and running totals alike, whether a window begins on one day for all or on each member's own."""
    every_metric()
    [ladder] = ladders_in_force(as_of=MARCH_31)
    compiled = Statement(as_of=MARCH_31)
    query = compiled.measured(ladder.measures, where="member.id = 1")

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {query}", compiled.parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    scans = [
        line for line in plan.splitlines() if "Scan" in line and ("tiers_runningtotal" in line or "gradereport" in line)
    ]
    assert scans and all("_pkey" in line for line in scans)
    conditions = [line for line in plan.splitlines() if "Index Cond" in line and "series_id" in line]
    assert len(conditions) == sum("tiers_runningtotal" in line for line in scans)
    assert all("day <=" in line for line in conditions)


def test_another_growth_currency_does_not_count():
    ask(Metric.CUMULATIVE_CONTRIBUTION, 10)
    other = SeriesFactory(metric="growth_points", currency=PointCurrencyFactory(growth=True, code="stars"))
    member = MemberFactory()
    RunningTotal.objects.create(member_id=member.pk, series_id=other.pk, day=MARCH_31, first_day=MARCH_31, total=99)

    assert tier_of(member) == "standard"
