"""Notices of what reviews decide, and warnings of downgrades to come: owed once, set-based, whatever the nights do."""

import datetime

import pytest

from foundation.jobs import closing
from foundation.jobs.running import Job, Step
from foundation.outbox.models import Obligation
from tests.factories import (
    BankFactory,
    ConditionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tests.tiers.cast import DAY, MONDAY, NIGHT, TIERS, Protection, assemble, book_of, end, hold, protect, review
from tests.tiers.test_foreseeing import standing
from tiers import reviewing, warning
from tiers.explaining import explain
from tiers.models import Decision, RunningTotal

pytestmark = pytest.mark.django_db
JUNE_30 = datetime.date(2026, 6, 30)
MARCH_31 = datetime.date(2026, 3, 31)


def warn(as_of, *, first=1, last=2**63 - 1):
    return warning.warn(as_of=as_of, first_member=first, last_member=last, actor=NIGHT)["warnings"]


def notices(member):
    owed = Obligation.objects.filter(topic="tiers.changed", member_id=member.pk).order_by("key")
    return [(one.payload["as_of"], one.payload["outcome"]) for one in owed]


def warnings(member):
    owed = Obligation.objects.filter(topic="tiers.will_downgrade", member_id=member.pk).order_by("recorded_at", "id")
    return [(one.payload["on"], one.payload["days_before"]) for one in owed]


def test_each_decision_owes_its_notice_in_its_own_transaction():
    cast = assemble(validity_months=1, downgrade="grace", grace_length=5)
    protect(cast, until=MONDAY + 2 * DAY)
    other = MemberFactory()
    hold(other, 2)

    for day in range(9):
        review(MONDAY + day * DAY)

    assert notices(cast.wang) == [("2026-03-02", "invited"), ("2026-03-04", "grace"), ("2026-03-10", "downgraded")]
    assert notices(other) == [("2026-03-02", "upgraded")]
    [owed] = Obligation.objects.filter(member_id=other.pk)
    decision = Decision.objects.get(member=other)
    assert (owed.topic, owed.key) == ("tiers.changed", f"{cast.programme.pk}/2026-03-02")
    assert owed.payload == {
        "decision_id": decision.pk, "programme_id": cast.programme.pk, "as_of": "2026-03-02", "outcome": "upgraded",
        "from_tier_id": decision.from_tier_id, "to_tier_id": decision.to_tier_id, "valid_until": "2026-04-30", "grace_until": None,
    }  # fmt: skip


def test_a_review_again_owes_nothing_more():
    cast = assemble()
    hold(cast.wang, 1)
    review(MONDAY)

    review(MONDAY)

    assert notices(cast.wang) == [("2026-03-02", "upgraded")]


def test_a_notice_costs_a_review_no_statement_of_its_own(django_assert_num_queries):
    cast = assemble()
    for member in (cast.wang, *MemberFactory.create_batch(40)):
        hold(member, 1)
    arguments = {"as_of": MONDAY, "run": None, "actor": NIGHT}

    with django_assert_num_queries(6):
        reviewing.review(first_member=cast.wang.pk, last_member=cast.wang.pk, **arguments)
    with django_assert_num_queries(6):
        reviewing.review(first_member=cast.wang.pk + 1, last_member=2**63 - 1, **arguments)

    assert Obligation.objects.filter(topic="tiers.changed").count() == 41


def members_of(book, rank=2, *, products=0, count=1, **until):
    members = MemberFactory.create_batch(count)
    for member in members:
        hold(member, products, since=MONDAY - 400 * DAY)
        standing(member, book, rank, as_of=MONDAY - 300 * DAY, **until)
    return members


@pytest.mark.parametrize("calendar", ["nightly", "month_end", "half_year_end"])
def test_who_would_go_down_is_warned_30_and_7_days_before_once_each(calendar):
    cast = assemble(calendar=calendar, validity_months=12)
    [falls] = members_of(cast.book, valid_until=JUNE_30)
    [keeps] = members_of(cast.book, products=2, valid_until=JUNE_30)
    [later] = members_of(cast.book, valid_until=datetime.date(2026, 12, 31))

    first, last = JUNE_30 - 40 * DAY, JUNE_30 - DAY
    owed = {first + day * DAY: warn(first + day * DAY) for day in range((last - first).days)}

    assert {day: count for day, count in owed.items() if count} == {JUNE_30 - 30 * DAY: 1, JUNE_30 - 7 * DAY: 1}
    assert warnings(falls) == [("2026-06-30", 30), ("2026-06-30", 7)]
    assert warnings(keeps) == warnings(later) == []
    payload = Obligation.objects.get(member_id=falls.pk, payload__days_before=7).payload
    tiers = cast.programme.tiers
    assert (payload["from_tier_id"], payload["to_tier_id"]) == (tiers.get(rank=2).pk, tiers.get(rank=0).pk)
    assert payload["figures"] == {"products_held:*": 0}
    foreseen = explain(member=falls, programme=cast.programme, as_of=last).foreseen
    assert (foreseen.on, foreseen.outcome) == (JUNE_30, "downgraded")


def test_a_warning_tells_of_the_end_of_the_grace_and_not_of_its_beginning():
    cast = assemble(validity_months=12, downgrade="grace", grace_length=40)
    [member] = members_of(cast.book, valid_until=JUNE_30)

    for day in range(125):
        warn(MONDAY + day * DAY)
        review(MONDAY + day * DAY)
    in_grace = Decision.objects.get(member=member, outcome="grace")
    for day in range(125, 165):
        warn(MONDAY + day * DAY)

    falls_on = in_grace.grace_until + DAY
    assert warnings(member) == [(falls_on.isoformat(), 30), (falls_on.isoformat(), 7)]


def test_what_drops_out_of_its_window_is_warned_of_before_it_does():
    """Wang's transactions of last year are enough for silver today, and too old by the year's end."""
    cast = assemble()
    counted = SeriesFactory(metric="transaction_count")
    book = RuleBookFactory(programme=ProgrammeFactory(code="year", is_main=False), calendar="year_end")
    ConditionFactory(rule_book=book, series=counted, window="months", window_length=12, enter_minimum=5)
    december = datetime.date(2025, 12, 20)
    RunningTotal.objects.create(member_id=cast.wang.pk, series_id=counted.pk, day=december, first_day=december, total=5)
    standing(cast.wang, book, 1, as_of=datetime.date(2025, 12, 31))

    owed = [warn(datetime.date(2026, 12, day)) for day in range(1, 31)]

    assert [day for day, count in enumerate(owed, 1) if count] == [1, 24]


def test_each_member_of_an_anniversary_calendar_is_warned_before_his_own():
    cast = assemble(calendar="anniversary", validity_months=12)
    [member] = members_of(cast.book, valid_until=MONDAY)
    member.joined_on = datetime.date(2024, 4, 15)
    member.save()

    for day in range(70):
        warn(MONDAY + day * DAY)

    assert warnings(member) == [("2026-04-15", 30), ("2026-04-15", 7)]


def test_an_invitation_is_warned_of_before_its_end_and_again_where_it_is_ended_early():
    cast = assemble(validity_months=12)
    kept = protect(cast, until=MARCH_31)
    review(MONDAY)
    frozen = MemberFactory(branch=cast.lujiazui)
    hold(frozen, 2, since=MONDAY - DAY)
    review(MONDAY + DAY)
    hold(frozen, 0, since=MONDAY + 2 * DAY)
    end(cast, protect(cast, on=MONDAY + 2 * DAY, member=frozen, kind=Protection.Kind.FREEZE), on=MONDAY + 2 * DAY)

    for day in range(2, 29):
        warn(MONDAY + day * DAY)

    assert kept.until == MARCH_31
    assert warnings(cast.wang) == [("2026-03-31", 7)]
    assert warnings(frozen) == []


def test_a_bank_that_never_lowers_or_would_tonight_already_warns_nobody():
    BankFactory()
    never = {"downgrade": "never", "validity_months": 12}
    for code, terms in {
        "never": never,
        "afresh": {},
        "spared": {"validity_months": 12, "protected_until": JUNE_30 + DAY},
    }.items():
        book = book_of(ProgrammeFactory(code=code, is_main=False, tiers=TIERS), **terms)
        members_of(book, valid_until=JUNE_30)

    assert warn(JUNE_30 - 30 * DAY) == warn(JUNE_30 - 7 * DAY) == 0


def slipping(cast, *, window=20):
    """Wang is silver, decided afresh each night, for five transactions of MONDAY that leave their window so many days on."""
    counted = SeriesFactory(metric="transaction_count")
    book = RuleBookFactory(programme=ProgrammeFactory(code="afresh", is_main=False), calendar="nightly")
    ConditionFactory(rule_book=book, series=counted, window="days", window_length=window, enter_minimum=5)
    RunningTotal.objects.create(member_id=cast.wang.pk, series_id=counted.pk, day=MONDAY, first_day=MONDAY, total=5)
    standing(cast.wang, book, 1, as_of=MONDAY)
    return counted


def test_what_is_decided_afresh_each_night_is_warned_of_once_before_it_falls():
    """MONDAY is the window's first day for the last time 19 days on; the night after that the tier is gone."""
    cast = assemble()
    slipping(cast)
    falls_on = MONDAY + 20 * DAY

    owed = [warn(MONDAY + day * DAY) for day in range(25)]

    assert [day for day, count in enumerate(owed) if count] == [13]
    assert warnings(cast.wang) == [(f"{falls_on}", 7)]
    assert warn(MONDAY + 13 * DAY) == 0


@pytest.mark.parametrize(("days_on", "warned"), [(29, 1), (30, 1), (31, 2)])
def test_whose_figures_move_on_is_told_of_them_once_in_thirty_days(days_on, warned):
    """Five more transactions make the night another one: so many days after the first."""
    cast = assemble()
    counted = slipping(cast)
    later = MONDAY + days_on * DAY
    RunningTotal.objects.create(member_id=cast.wang.pk, series_id=counted.pk, day=later, first_day=MONDAY, total=10)

    for day in range(70):
        warn(MONDAY + day * DAY)

    assert len(warnings(cast.wang)) == warned


def test_steps_are_a_setting(settings):
    settings.TIER_WARNING_DAYS = [60]
    cast = assemble(calendar="month_end", validity_months=12)
    [member] = members_of(cast.book, valid_until=JUNE_30)

    for day in range(90):
        warn(MONDAY + day * DAY)

    assert warnings(member) == [("2026-06-30", 60)]


def test_a_warning_takes_as_many_statements_for_one_as_for_many(django_assert_num_queries):
    cast = assemble(validity_months=12)
    [alone] = members_of(cast.book, valid_until=JUNE_30)
    many = members_of(cast.book, valid_until=JUNE_30, count=30)
    as_of = JUNE_30 - 7 * DAY

    # The ladders of two dates, and one statement each.
    with django_assert_num_queries(10):
        assert warn(as_of, last=alone.pk) == 1
    with django_assert_num_queries(10):
        assert warn(as_of, first=many[0].pk) == 30
    assert warn(as_of) == 0


def test_nights_caught_up_in_one_go_miss_none_and_double_none():
    cast = assemble(calendar="month_end", validity_months=12)
    [member] = members_of(cast.book, valid_until=MONDAY + 29 * DAY)
    steps = (
        Step("review", lambda *, business_date, run, actor, **chunk: reviewing.review(as_of=business_date, run=run, actor=actor, **chunk)),
        Step("warn", lambda *, business_date, run, actor, **chunk: warning.warn(as_of=business_date, actor=actor, **chunk)),
    )  # fmt: skip

    closing.close(job=Job("close_day", steps, list), through=MONDAY + 40 * DAY, today=MONDAY + 41 * DAY, who="test")

    assert warnings(member) == [("2026-03-31", 7)]
    assert notices(member) == [("2026-03-31", "downgraded")]
