"""The night's races, each beside its naive twin: two drivers, many hands on one run, bookings against the flip."""

import datetime
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections, transaction

from foundation import transactions
from foundation.jobs import closing, driving, running
from foundation.jobs.clock import booking_date
from foundation.jobs.models import BusinessDate
from foundation.jobs.running import Job, Step
from tests.factories import BankFactory, MemberFactory
from tests.jobs import steps

FIRST = datetime.date(2026, 3, 2)
TODAY = datetime.date(2026, 4, 1)
AT = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together, each on connections of its own; return what they gave or raised."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            together.wait()
            return call()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_two_drivers_at_once_and_one_runs(committed):
    """A14: the other is told who drives."""
    BankFactory()
    members = [MemberFactory().pk for _ in range(6)]
    job = steps.job(Step("linger", lambda **_chunk: time.sleep(0.3) or {}), size=2)

    answers = at_once(*(lambda: closing.close(job=job, through=FIRST, today=TODAY, who="teller 1") for _ in range(2)))

    refused, ran = sorted(answers, key=lambda answer: isinstance(answer, list))
    assert [run.business_date for run in ran] == [FIRST]
    assert isinstance(refused, driving.AlreadyRunning)
    assert "close_day is running already: teller 1, pid " in str(refused)
    assert steps.marks() == [(f"{FIRST}", step, member) for step in ("first", "second") for member in members]


def crowd() -> int:
    """Let four workers do one run of small chunks; return how many marks there are beyond one per member and step."""
    BankFactory()
    members = [MemberFactory().pk for _ in range(24)]
    job = steps.job(size=1)
    run = transactions.commit(closing.begin, job=job, business_date=FIRST, at=AT)

    answers = at_once(*(lambda: running.work(job=job, run=run) for _ in range(4)))

    assert answers == [None] * 4
    once = {(f"{FIRST}", step, member) for step in ("first", "second") for member in members}
    marks = steps.marks()
    assert set(marks) == once
    return len(marks) - len(once)


def test_four_workers_on_one_run_do_each_chunk_once(committed):
    assert crowd() == 0


def test_naive_twin_claims_without_a_lock_and_doubles_the_work(committed, monkeypatch):
    monkeypatch.setattr(running, "CLAIM", running.CLAIM.replace("FOR UPDATE SKIP LOCKED", ""))

    assert crowd() > 0


def bookings_beside_closes(book_on: Callable[[], datetime.date]) -> int:
    """Book in four threads while thirty dates close; return how many bookings found their date not open any more."""
    BankFactory()
    over, late = threading.Event(), []
    job = Job("close_day", [], list)

    def book() -> None:
        while not over.is_set():
            with transaction.atomic():
                booked_on = book_on()
                time.sleep(0.002)
                if not BusinessDate.objects.filter(date=booked_on, status="open").exists():
                    late.append(booked_on)

    def close() -> None:
        try:
            closing.close(job=job, through=TODAY - datetime.timedelta(days=1), today=TODAY, who="test")
        finally:
            over.set()

    answers = at_once(book, book, book, book, close)

    assert answers == [None] * 5
    assert BusinessDate.objects.filter(status="closed").count() == 30
    return len(late)


def test_no_booking_falls_on_a_date_that_is_closing(committed):
    assert bookings_beside_closes(booking_date) == 0


def test_naive_twin_reads_the_open_date_without_the_fence_and_books_too_late(committed):
    assert bookings_beside_closes(lambda: BusinessDate.objects.get(status="open").date) > 0


def test_a_long_batch_does_not_hold_up_the_bookings_behind_it(committed):
    """The flip waits for the batch, half a second at a time; a booking that comes meanwhile passes."""
    BankFactory()
    batch_began, batch_ends = threading.Event(), threading.Event()

    def batch() -> datetime.date:
        with transaction.atomic():
            booked_on = booking_date()
            batch_began.set()
            batch_ends.wait()
        return booked_on

    def flip() -> None:
        batch_began.wait()
        transactions.commit(closing.begin, job=steps.job(), business_date=FIRST, at=AT)

    def counter() -> datetime.date:
        batch_began.wait()
        time.sleep(0.2)
        try:
            with transaction.atomic():
                return booking_date()
        finally:
            batch_ends.set()

    booked_by_batch, flipped, booked_at_counter = at_once(batch, flip, counter)

    assert (booked_by_batch, flipped, booked_at_counter) == (FIRST, None, FIRST)
    with transaction.atomic():
        assert booking_date() == FIRST + datetime.timedelta(days=1)
