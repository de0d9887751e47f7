"""Refunds: in proportion, without residue, however they are split; what is spent is owed, written off or refused."""

import contextlib
import datetime
import random
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import ParkedReversal, Reversal
from activity.recording import record_activities, record_reversals
from activity.reports import ActivityReport, ReversalReport
from activity.waking import wake_reported
from campaigns import clawing_back, earning
from campaigns.models import EarningRuleVersion, RefusedClawback
from points import ledger
from points.models import Entry, Kind, Lot, PointCurrency, Purse
from points.proving import prove
from tests.campaigns.night import ACTOR, close_on, earn_all, points_of
from tests.factories import (
    FIRST_BUSINESS_DATE,
    BankFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NOON = datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC)


@pytest.fixture(autouse=True)
def rule():
    """Every yuan gives a point, and a third of a growth point."""
    BankFactory()
    return EarningRuleVersionFactory(
        reward_currency=PointCurrencyFactory(),
        growth_currency=PointCurrencyFactory(growth=True),
        growth_rate="0.333333",
    )


@pytest.fixture
def wang():
    return MemberFactory(number="88")


def spend(external_id="T1", amount_minor=100_00, **changes) -> ActivityReport:
    fields = {"source": "core", "member_number": "88", "kind": "card_spend", "occurred_at": NOON}
    return ActivityReport(external_id=external_id, amount_minor=amount_minor, **fields | changes)


def refund(external_id="R1", amount_minor=None, **changes) -> ReversalReport:
    fields = {"source": "core", "original_external_id": "T1", "member_number": "88", "occurred_at": NOON}
    return ReversalReport(external_id=external_id, amount_minor=amount_minor, **fields | changes)


def take(*reports: ReversalReport) -> list[clawing_back.TakeAnswer]:
    return clawing_back.take(reports, actor=ACTOR)


def told(answers) -> list[tuple[str, dict[str, int]]]:
    return [(answer.outcome, answer.taken) for answer in answers]


def claw_all(day: datetime.date = FIRST_BUSINESS_DATE) -> dict[str, int]:
    """Run the night's step over all members for `day`, which is closing."""
    return clawing_back.claw_back(business_date=day, first_member=1, last_member=2**63 - 1, actor=ACTOR)


def redeem(member, points: int) -> None:
    """Let the member spend points."""
    posting = ledger.Posting(
        member_id=member.pk,
        currency_id=PointCurrency.objects.get(code="points").pk,
        key="00000000-0000-0000-0000-000000000001",
        kind=Kind.REDEEM,
        points=-points,
        occurred_on=FIRST_BUSINESS_DATE,
    )
    [answer] = ledger.post([posting], actor=ACTOR)
    assert answer.outcome == "posted"


def purse_of(member) -> tuple[int, int, int]:
    """Return what is available, pending and owed of the member's reward points."""
    currency = PointCurrency.objects.get(code="points")
    row = Purse.objects.get(member_id=member.pk, currency_id=currency.pk)
    return row.available, row.pending, row.owed


def books_ok() -> bool:
    results = prove(as_of=FIRST_BUSINESS_DATE - DAY)
    return [name for name, result in results.items() if result["violations"]] == []


class TestOnLine:
    @pytest.fixture(autouse=True)
    def earned(self, wang):
        earning.take([spend()], actor=ACTOR)

    def test_a_full_refund_takes_what_was_earned(self, wang):
        assert told(take(refund())) == [("recorded", {"points": 100, "growth": 33})]

        assert points_of(wang) == [100, -100, 33, -33]
        assert purse_of(wang) == (0, 0, 0)
        assert books_ok()

    def test_an_entry_tells_its_cause_its_rule_and_its_working(self, wang, rule):
        take(refund("R1", 25_50), refund("R2", 10_00))

        first, second = Entry.objects.filter(kind=Kind.CLAWBACK, currency_id=rule.reward_currency_id).order_by("number")
        assert (first.cause, first.rule_version_id, first.points) == ("reversal/core/R1", rule.pk, -25)
        assert second.figures == {
            "entry": 1, "earned": 100, "reversed_minor": 35_50, "of_minor": 100_00, "clawed_before": 25
        }  # fmt: skip
        assert second.points == -10

    def test_a_duplicate_answers_what_it_took_and_takes_nothing(self, wang):
        first = take(refund("R1", 40_00))
        again = take(refund("R1", 40_00), refund("R1", 40_00))

        assert told(again) == [("duplicate", first[0].taken)] * 2
        assert points_of(wang) == [100, -40, 33, -13]

    def test_a_share_below_a_point_takes_nothing_and_is_not_lost(self, wang):
        assert told(take(refund("R1", 50), refund("R2", 50))) == [("recorded", {}), ("recorded", {"points": 1})]

    def test_each_report_has_its_own_answer(self, wang):
        reports = [
            refund("R1", 60_00),
            refund("R2", 60_00),
            refund("R3", 1, original_external_id="R1"),
            refund("R4", original_external_id="T9"),
            refund("R5", member_number="99"),
        ]

        assert told(take(*reports)) == [
            ("recorded", {"points": 60, "growth": 19}),
            ("over_reversed", {}),
            ("reversal_of_reversal", {}),
            ("parked", {}),
            ("unknown_member", {}),
        ]
        assert points_of(wang) == [100, -60, 33, -19]

    def test_a_refused_reversal_changes_nothing(self, wang):
        assert told(take(refund("R1", 100_01))) == [("over_reversed", {})]

        assert points_of(wang) == [100, 33]
        assert not Reversal.objects.exists()

    def test_a_bonus_for_the_first_time_goes_with_the_activity_that_brought_it_and_no_other(self, wang, rule):
        with connection.cursor() as cursor:
            cursor.execute("SELECT earning_key('first-time', %s, %s)", [rule.rule_id, rule.reward_currency_id])
            [key] = cursor.fetchone()
        bonus = ledger.Posting(
            member_id=wang.pk, currency_id=rule.reward_currency_id, key=key, kind=Kind.BONUS, points=51,
            occurred_on=FIRST_BUSINESS_DATE, cause="activity/core/T1", rule_version_id=rule.pk,
        )  # fmt: skip
        ledger.post([bonus], actor=ACTOR)
        earning.take([spend("T2")], actor=ACTOR)

        of_another = take(refund("R2", original_external_id="T2"))
        parts = take(refund("R1", 50_00), refund("R3"))

        assert told(of_another) == [("recorded", {"points": 100, "growth": 33})]
        assert [answer.taken["points"] for answer in parts] == [50 + 25, 50 + 26]
        assert purse_of(wang) == (0, 0, 0)
        assert told(take(refund("R3")))[0] == ("duplicate", parts[1].taken)

    def test_growth_points_go_out_of_the_window_of_their_earning(self, wang):
        take(refund(occurred_at=NOON + 3 * DAY))

        days = Entry.objects.filter(kind=Kind.CLAWBACK).order_by("currency_id").values_list("occurred_on", "booked_on")
        assert list(days) == [(FIRST_BUSINESS_DATE + 3 * DAY,) * 2, (FIRST_BUSINESS_DATE,) * 2]

    def test_the_night_takes_nothing_again(self, wang):
        take(refund("R1", 40_00))
        close_on()

        assert claw_all() == {}
        assert points_of(wang) == [100, -40, 33, -13]

    def test_as_many_statements_for_five_hundred_as_for_one(self, wang):
        earning.take([spend("T2", 10_000_00)], actor=ACTOR)
        take(refund("R0", 1_00))
        with CaptureQueriesContext(connection) as one:
            take(refund("R1", 1_00, original_external_id="T2"))

        with CaptureQueriesContext(connection) as many:
            answers = take(*[refund(f"M{n}", 1_00, original_external_id="T2") for n in range(500)])

        assert {answer.outcome for answer in answers} == {"recorded"}
        assert len(many) == len(one) <= 15


class TestWhatIsSpent:
    """E01: Wang has earned 100 points and spent 80 of them."""

    @pytest.fixture(autouse=True)
    def spent(self, wang):
        earning.take([spend()], actor=ACTOR)
        redeem(wang, 80)

    def test_what_is_there_is_taken_and_the_rest_owed_until_the_next_credits_pay_it(self, wang):
        take(refund("R1", 90_00))
        owing = purse_of(wang)
        earning.take([spend("T2", 50_00)], actor=ACTOR)
        still_owing = purse_of(wang)
        earning.take([spend("T3", 50_00)], actor=ACTOR)

        assert (owing, still_owing, purse_of(wang)) == ((0, 0, 70), (0, 0, 20), (30, 0, 0))
        assert points_of(wang)[:5] == [100, -80, -90, 50, 50]
        assert books_ok()

    def test_written_off_it_stands_in_an_entry_of_its_own(self, wang):
        PointCurrency.objects.filter(code="points").update(shortfall="write_off")

        [answer] = take(refund("R1", 90_00))

        written_off = Entry.objects.get(kind=Kind.ADJUST)
        assert (answer.taken["points"], written_off.points, written_off.balance_after) == (90, 70, 0)
        assert written_off.cause == "write-off/reversal/core/R1"
        assert written_off.figures == {"clawback": 3, "clawed": 90, "taken": 20}
        assert purse_of(wang) == (0, 0, 0)
        assert not Lot.objects.filter(remaining__gt=0).exists()
        assert books_ok()

    def test_what_can_be_taken_is_not_written_off(self, wang):
        PointCurrency.objects.filter(code="points").update(shortfall="write_off")

        take(refund("R1", 5_00), refund("R2", 30_00), refund("R3", 10_00))

        assert list(Entry.objects.filter(kind=Kind.ADJUST).order_by("number").values_list("points", flat=True)) == [
            15,
            10,
        ]
        assert purse_of(wang) == (0, 0, 0)
        assert books_ok()

    def test_writing_off_does_not_touch_what_is_owed_already(self, wang):
        take(refund("R1", 90_00))
        PointCurrency.objects.filter(code="points").update(shortfall="write_off")

        take(refund("R2", 10_00))

        assert purse_of(wang) == (0, 0, 70)
        assert Entry.objects.get(kind=Kind.ADJUST).points == 10

    def test_refused_it_takes_nothing_and_is_listed_once_and_for_all(self, wang):
        PointCurrency.objects.filter(code="points").update(shortfall="refuse")

        [answer] = take(refund("R1", 90_00))
        earning.take([spend("T2", 500_00)], actor=ACTOR)
        [again] = take(refund("R1", 90_00))
        close_on()

        assert (answer.outcome, answer.taken, answer.refused) == (
            "recorded",
            {"growth": 29},
            {"points": (90, "insufficient")},
        )
        assert (again.outcome, again.refused) == ("duplicate", answer.refused)
        assert claw_all() == {}
        [listed] = RefusedClawback.objects.all()
        assert (listed.cause, listed.points, listed.reason) == ("reversal/core/R1", -90, "insufficient")
        assert purse_of(wang) == (520, 0, 0)

    def test_refused_it_does_not_come_back_with_the_next_refund(self, wang):
        PointCurrency.objects.filter(code="points").update(shortfall="refuse")

        answers = take(refund("R1", 90_00)) + take(refund("R2", 10_00))

        assert [answer.taken.get("points") for answer in answers] == [None, 10]
        assert purse_of(wang) == (10, 0, 0)
        assert books_ok()

    def test_the_night_writes_off_once(self, wang):
        PointCurrency.objects.filter(code="points").update(shortfall="write_off")
        record_reversals([refund("R1", 90_00)], actor=ACTOR)
        close_on()

        counts = [claw_all(), claw_all()]

        assert counts == [{"posted": 2, "written_off": 1}, {}]
        assert Entry.objects.get(kind=Kind.ADJUST).booked_on == FIRST_BUSINESS_DATE


def test_what_a_closed_member_earned_is_listed_as_refused_once_and_for_all(wang):
    earning.take([spend()], actor=ACTOR)
    wang.status, wang.closed_on = "closed", FIRST_BUSINESS_DATE
    wang.save()

    [answer] = take(refund("R1", 40_00))
    [again] = take(refund("R1", 40_00))
    close_on()

    assert (answer.taken, answer.refused) == ({}, {"points": (40, "unknown_purse"), "growth": (13, "unknown_purse")})
    assert (again.outcome, again.refused) == ("duplicate", answer.refused)
    assert claw_all() == {}
    assert list(RefusedClawback.objects.values_list("cause", flat=True)) == ["reversal/core/R1"] * 2
    assert points_of(wang) == [100, 33]


class TestItsOwnLotFirst:
    def test_a_refund_takes_the_lot_of_its_activity_before_older_ones(self, wang):
        earning.take([spend("T0", occurred_at=NOON - 40 * DAY), spend("T1")], actor=ACTOR)

        take(refund("R1", 60_00))

        left = Lot.objects.order_by("number").values_list("number", "remaining")
        assert list(left) == [(1, 100), (2, 40)]
        assert books_ok()

    @pytest.mark.parametrize("shortfall", PointCurrency.Shortfall.values)
    def test_points_that_are_not_usable_yet_are_taken_back_whatever_the_policy(self, wang, rule, shortfall):
        EarningRuleVersion.objects.bulk_create(
            [
                EarningRuleVersion(
                    **{**_fields(rule), "number": 2, "in_force_from": FIRST_BUSINESS_DATE, "pending_days": 7}
                )
            ]
        )
        PointCurrency.objects.filter(code="points").update(shortfall=shortfall)
        earning.take([spend()], actor=ACTOR)
        assert purse_of(wang) == (0, 100, 0)

        [answer] = take(refund("R1", 60_00))

        assert (answer.taken["points"], answer.refused) == (60, {})
        assert purse_of(wang) == (0, 40, 0)
        assert not Entry.objects.filter(kind=Kind.ADJUST).exists()
        assert books_ok()


def _fields(rule: EarningRuleVersion) -> dict[str, object]:
    """Return what a version says, for the next one to say as well."""
    return {field.attname: getattr(rule, field.attname) for field in rule._meta.concrete_fields if field.name != "id"}


class TestTheNight:
    def test_a_reversal_and_its_activity_of_one_night(self, wang):
        record_activities([spend()], actor=ACTOR)
        record_reversals([refund("R1", 25_00)], actor=ACTOR)
        close_on()

        earn_all()
        counts = claw_all()

        assert counts == {"posted": 2}
        assert points_of(wang) == [100, -25, 33, -8]
        assert set(Entry.objects.values_list("booked_on", flat=True)) == {FIRST_BUSINESS_DATE}

    def test_done_again_it_books_nothing(self, wang):
        record_activities([spend()], actor=ACTOR)
        record_reversals([refund("R1", 25_00)], actor=ACTOR)
        close_on()
        earn_all()
        claw_all()

        assert claw_all() == {}
        assert points_of(wang) == [100, -25, 33, -8]

    def test_refunded_on_line_before_the_night_has_earned_it_is_taken_by_that_night(self, wang):
        record_activities([spend()], actor=ACTOR)

        assert told(take(refund("R1", 25_00))) == [("recorded", {})]
        close_on()
        earn_all()
        claw_all()

        assert points_of(wang) == [100, -25, 33, -8]
        assert told(take(refund("R1", 25_00))) == [("duplicate", {"points": 25, "growth": 8})]

    def test_refunded_while_its_date_is_closing_it_is_taken_at_once_and_booked_on_the_next(self, wang):
        record_activities([spend()], actor=ACTOR)
        close_on()
        earn_all()

        assert told(take(refund("R1", 25_00))) == [("recorded", {"points": 25, "growth": 8})]
        assert claw_all() == {}

        assert set(Entry.objects.filter(kind=Kind.CLAWBACK).values_list("booked_on", flat=True)) == {
            FIRST_BUSINESS_DATE + DAY
        }

    def test_another_chunk_of_members_is_left_alone(self, wang):
        earning.take([spend()], actor=ACTOR)
        record_reversals([refund()], actor=ACTOR)
        close_on()

        counts = clawing_back.claw_back(
            business_date=FIRST_BUSINESS_DATE, first_member=wang.pk + 1, last_member=wang.pk + 5, actor=ACTOR
        )

        assert counts == {}

    def test_an_idle_night_asks_three_statements(self, wang, django_assert_num_queries):
        with django_assert_num_queries(3):
            assert claw_all() == {}


class TestParked:
    def test_it_takes_its_points_as_its_activity_earns_them(self, wang):
        assert told(take(refund("R1", 25_00))) == [("parked", {})]

        [answer] = earning.take([spend()], actor=ACTOR)

        assert answer.earned == {"points": 100, "growth": 33}
        assert points_of(wang) == [100, -25, 33, -8]
        assert told(take(refund("R1", 25_00))) == [("duplicate", {"points": 25, "growth": 8})]

    def test_by_file_it_waits_for_the_night_that_earns(self, wang):
        record_reversals([refund("R1", 25_00)], actor=ACTOR)
        record_activities([spend()], actor=ACTOR)
        assert wake_reported(actor=ACTOR) == 1
        close_on()

        earn_all()
        claw_all()

        assert points_of(wang) == [100, -25, 33, -8]

    def test_the_night_wakes_what_nobody_woke(self, wang):
        record_reversals([refund("R1", 25_00), refund("R2", 80_00)], actor=ACTOR)
        record_activities([spend()], actor=ACTOR)
        close_on()

        earn_all()
        counts = claw_all()

        assert counts == {"woken": 1, "posted": 2}
        assert points_of(wang) == [100, -25, 33, -8]
        assert ParkedReversal.objects.get(external_id="R2").outcome == "over_reversed"


class Undone(Exception):
    """Ends a trial, so that its writes are rolled back."""


@contextlib.contextmanager
def trial() -> Iterator[None]:
    """Run a block whose writes leave no trace."""
    with pytest.raises(Undone), transaction.atomic():
        yield
        raise Undone


def shares() -> dict[str, int]:
    """Return the reward points that each reversal took, by its external id."""
    taken = Entry.objects.filter(kind=Kind.CLAWBACK, currency_id=PointCurrency.objects.get(code="points").pk)
    return {cause.removeprefix("reversal/core/"): -points for cause, points in taken.values_list("cause", "points")}


# The points an activity earned, its amount, its refunds in order, and what each of them takes.
GOLDEN = [
    (100, 100_00, [33_33, 33_33, 33_34], [33, 33, 34]),
    (100, 3, [1, 1, 1], [33, 33, 34]),
    (7, 99_99, [33_33, 33_33, 33_33], [2, 2, 3]),
    (2, 3, [1, 1, 1], [0, 1, 1]),
    (1, 100_00, [99_99, 1], [0, 1]),
    (48, 240_00, [80_00, 160_00], [16, 32]),
    (5, 1, [1], [5]),
    (10**8 - 1, 10**14, [33_333_333_333_333, 66_666_666_666_666, 1], [33_333_332, 66_666_666, 1]),
]


@pytest.mark.parametrize(("points", "amount_minor", "parts", "taken"), GOLDEN)
def test_shares_are_the_floors_of_the_running_whole(wang, points, amount_minor, parts, taken):
    """E02: three thirds of an odd amount are the whole."""
    EarningRuleVersionFactory(kinds_in=["gift"], per="activity", reward_rate=points)
    earning.take([spend("T7", amount_minor, kind="gift")], actor=ACTOR)

    one_by_one = [told(take(refund(f"R{n}", part, original_external_id="T7")))[0] for n, part in enumerate(parts)]

    assert [outcome for outcome, _taken in one_by_one] == ["recorded"] * len(parts)
    rule = EarningRuleVersion.objects.get(per="activity")
    clawed = {entry.cause: -entry.points for entry in Entry.objects.filter(kind=Kind.CLAWBACK, rule_version_id=rule.pk)}
    assert [clawed.get(f"reversal/core/R{n}", 0) for n in range(len(parts))] == taken


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.integers(1, 10**8 - 1),
    parts=st.lists(st.integers(1, 10**9), min_size=1, max_size=12),
    seed=st.integers(0, 2**32),
)
def test_any_split_into_any_batches_takes_the_floor_of_the_whole_and_in_the_end_all(wang, points, parts, seed):
    dice = random.Random(seed)
    amount_minor = sum(parts)
    rest = [refund(f"R{n:02}", part, occurred_at=NOON + n * DAY) for n, part in enumerate(parts)]
    with trial():
        fixed = EarningRuleVersionFactory(per="activity", reward_rate=points, growth_currency=None)
        earning.take([spend(amount_minor=amount_minor)], actor=ACTOR)
        reversed_minor = 0
        while rest:
            batch = rest[: dice.randint(1, 4)]
            del rest[: len(batch)]
            dice.shuffle(batch)
            take(*batch)
            reversed_minor += sum(report.amount_minor for report in batch)
            taken = Entry.objects.filter(kind=Kind.CLAWBACK, rule_version_id=fixed.pk)
            total = -sum(taken.values_list("points", flat=True))
            assert total == points * reversed_minor // amount_minor
        assert total == points


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_on_line_by_file_parked_or_not_the_same_refunds_take_the_same_points(wang, seed, sizes):
    dice = random.Random(seed)
    activities = [spend(f"T{n}", dice.randrange(1, 500_00)) for n in range(4)]
    refunds = [
        refund(
            f"R{n}",
            dice.choice([None, dice.randrange(1, 200_00)]),
            original_external_id=f"T{dice.randrange(4)}",
            occurred_at=NOON + n * DAY // 100,
        )
        for n in range(sum(sizes))
    ]
    batches, rest = [], refunds[:]
    for size in sizes:
        batches.append(rest[:size])
        del rest[:size]
    found = []

    with trial():
        earning.take(activities, actor=ACTOR)
        for batch in batches:
            take(*batch)
        found.append((shares(), points_of(wang)))
        assert books_ok()
    with trial():
        record_activities(activities, actor=ACTOR)
        record_reversals(refunds, actor=ACTOR)
        close_on()
        earn_all()
        claw_all()
        found.append((shares(), points_of(wang)))
    with trial():
        take(*refunds)
        earning.take(activities, actor=ACTOR)
        found.append((shares(), points_of(wang)))

    assert found[0][0] == found[1][0] == found[2][0]
    assert sorted(found[0][1]) == sorted(found[1][1]) == sorted(found[2][1])
