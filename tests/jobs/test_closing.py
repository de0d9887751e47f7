"""Closing business dates: order, chunks, failures, repeats, and three simulated years."""

import datetime

import pytest

from foundation import transactions
from foundation.jobs import closing, driving, fencing
from foundation.jobs.clock import booking_date
from foundation.jobs.models import BusinessDate, Chunk, JobRun
from foundation.jobs.running import LAST_MEMBER, Job, RunFailed, Step
from tests.factories import BankFactory, MemberFactory
from tests.jobs import steps

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 3, 2)
SECOND = datetime.date(2026, 3, 3)
TODAY = datetime.date(2026, 3, 10)
AT = datetime.datetime(2026, 3, 10, 1, tzinfo=datetime.UTC)


def close(job, through, today=TODAY):
    return closing.close(job=job, through=through, today=today, who="test")


def statuses() -> dict[str, str]:
    return {f"{date}": status for date, status in BusinessDate.objects.order_by("date").values_list("date", "status")}


def test_closing_a_date_does_every_step_for_every_member_and_opens_the_next():
    BankFactory()
    members = [MemberFactory().pk for _ in range(3)]

    [run] = close(steps.job(size=2), FIRST)

    assert steps.marks() == [(f"{FIRST}", step, member) for step in ("first", "second") for member in members]
    assert statuses() == {"2026-03-02": "closed", "2026-03-03": "open"}
    assert (run.status, run.attempts, run.step, run.error) == ("done", 1, "", "")
    assert {name: (step["chunks"], step["counts"]) for name, step in run.counts.items()} == {
        "first": (2, {"marks": 3}),
        "second": (2, {"marks": 3}),
    }


def test_chunks_hold_equal_counts_of_members_and_leave_no_id_out():
    BankFactory()
    a, b, c, d, e = [MemberFactory().pk for _ in range(5)]

    close(steps.job(size=2), FIRST)

    ranges = Chunk.objects.filter(step="first").order_by("first_member").values_list("first_member", "last_member")
    assert list(ranges) == [(1, b), (c, d), (e, LAST_MEMBER)] == [(1, c - 1), (c, e - 1), (e, LAST_MEMBER)]
    assert a < b


def test_a_bank_without_members_closes_its_dates_too():
    BankFactory()

    runs = close(steps.job(), SECOND)

    assert [run.business_date for run in runs] == [FIRST, SECOND]
    assert steps.marks() == []


def test_the_second_close_of_a_date_changes_nothing():
    BankFactory()
    MemberFactory()
    close(steps.job(), FIRST)
    before = steps.marks(), statuses(), list(JobRun.objects.values()), list(Chunk.objects.values())

    runs = close(steps.job(), FIRST)

    assert runs == []
    assert (steps.marks(), statuses(), list(JobRun.objects.values()), list(Chunk.objects.values())) == before


def test_missed_dates_are_caught_up_in_order_in_one_run_each():
    BankFactory()
    MemberFactory()

    runs = close(steps.job(), FIRST + datetime.timedelta(days=4))

    assert [run.business_date.day for run in runs] == [2, 3, 4, 5, 6]
    assert [run.pk for run in runs] == sorted(run.pk for run in runs)
    assert [(day, step) for day, step, _ in steps.marks()] == [
        (f"2026-03-0{day}", step) for day in (2, 3, 4, 5, 6) for step in ("first", "second")
    ]


def test_a_date_that_is_not_over_is_refused():
    BankFactory()

    with pytest.raises(closing.DateNotOver) as refused:
        close(steps.job(), TODAY)

    assert refused.value.code == "date_not_over"
    assert statuses() == {"2026-03-02": "open"}
    assert not JobRun.objects.exists()


def test_the_day_after_an_open_date_is_refused_by_itself():
    BankFactory()

    with pytest.raises(fencing.DateNotNext) as refused:
        transactions.commit(closing.begin, job=steps.job(), business_date=SECOND, at=AT)

    assert str(refused.value) == "2026-03-03 cannot be closed: the next business date to close is 2026-03-02."
    assert statuses() == {"2026-03-02": "open"}


def test_a_bank_without_a_business_date_is_refused():
    with pytest.raises(fencing.NoBusinessDate):
        close(steps.job(), FIRST)


def test_what_is_booked_while_a_date_is_closing_falls_on_the_next():
    BankFactory()
    MemberFactory()
    booked = []

    def book(**_kwargs):
        booked.append(booking_date())
        return {}

    close(steps.job(Step("book", book)), FIRST)

    assert booked == [SECOND]


def test_a_failing_chunk_leaves_the_date_closing_and_the_others_done():
    BankFactory()
    good, bad = MemberFactory().pk, MemberFactory().pk
    poison = {bad}

    def fail(*, first_member, last_member, **_kwargs):
        if poison & set(range(max(first_member, good), min(last_member, bad) + 1)):
            raise ValueError("poisoned\nby somebody")
        return {"fed": 1}

    job = steps.job(Step("feed", fail), Step("after", steps.leave_mark("second")), size=1)
    with pytest.raises(RunFailed):
        close(job, SECOND)

    run = JobRun.objects.get()
    assert (run.status, run.step, run.error) == ("failed", "feed", "ValueError: poisoned")
    assert statuses() == {"2026-03-02": "closing", "2026-03-03": "open"}
    assert [chunk.first_member for chunk in Chunk.objects.filter(step="feed", done_at=None)] == [bad]
    assert not Chunk.objects.filter(step="after", done_at__isnull=False).exists()

    poison.clear()
    [first, _second] = close(job, SECOND)

    assert (first.pk, first.status, first.attempts, first.error) == (run.pk, "done", 2, "")
    assert first.counts["feed"]["counts"] == {"fed": 2}
    assert len([mark for mark in steps.marks() if mark[0] == f"{FIRST}" and mark[1] == "first"]) == 2


def test_a_rehearsal_counts_and_leaves_nothing_behind():
    BankFactory()
    MemberFactory()

    run = transactions.commit(closing.rehearse, job=steps.job(), business_date=FIRST, today=TODAY, at=AT)

    assert run.counts["first"]["counts"] == {"marks": 1}
    assert steps.marks() == []
    assert statuses() == {"2026-03-02": "open"}
    assert not JobRun.objects.exists()


def test_due_dates_are_those_that_are_over():
    BankFactory()

    assert closing.due(today=FIRST) is None
    assert closing.due(today=SECOND) == (FIRST, FIRST)
    assert closing.due(today=TODAY) == (FIRST, datetime.date(2026, 3, 9))


def test_three_simulated_years_run_every_date_once():
    """D01, D02: a ring a day, but the beat is down on every third day and for a week at each new year."""
    first, end = datetime.date(2026, 1, 1), datetime.date(2029, 1, 1)
    BankFactory(first_business_date=first)
    ran = []
    job = Job("close_day", [Step("note", lambda *, business_date, **_kwargs: ran.append(business_date) or {})], list)

    for today in (first + datetime.timedelta(days=n) for n in range((end - first).days + 1)):
        if (today.day % 3 == 0 or today.timetuple().tm_yday < 8) and today != end:
            continue
        if dates := closing.due(today=today):
            close(job, dates[1], today=today)

    assert ran == [first + datetime.timedelta(days=n) for n in range(1096)]
    assert list(JobRun.objects.order_by("id").values_list("business_date", "attempts")) == [(day, 1) for day in ran]


def test_a_night_adds_few_statements_to_those_of_its_steps(django_assert_num_queries):
    BankFactory()
    job = Job("close_day", [Step(f"{n}", lambda **_kwargs: {}) for n in range(6)], list)
    close(job, FIRST)

    with django_assert_num_queries(55):
        close(job, SECOND)


def test_nobody_drives_after_a_close():
    BankFactory()

    close(steps.job(), FIRST)

    assert driving.holder(job=steps.job()) == ""
