"""The whole run: a bank of its own, processes that work through business dates together, nights beside them, proofs after."""

import contextlib
import datetime
import multiprocessing
import os
import resource
import sys
import threading
import time
import traceback
from typing import Any

from django.conf import settings
from django.db import connections

from bench import databases
from bench.soak.operating import NOON, SOAK, Process
from bench.soak.shared import LAPSING, Shared, disagreements
from foundation.jobs import clock, closing, driving, statistics
from foundation.transactions import commit
from membership_site import proving
from membership_site.closing import NIGHT
from points import holding, ledger, partitions, verifying
from points.ledger import Posting
from points.models import Kind

FIRST = databases.FIRST_BUSINESS_DATE
PER_PURSE = 250  # operations a purse sees in a run, more or less
SHARED_MEMBERS = 40
PATIENCE = 1_800.0  # seconds after which a process that others wait for is given up
DAY = datetime.timedelta(days=1)


class Course:
    """What the processes share: where they meet, whether another date follows, and whether anything was found."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("fork")
        self.meeting = context.Barrier(processes + 1)
        self.over = context.Event()
        self.told = context.Queue()


def run(
    *, operations: int, processes: int, nights: int, seconds: float | None, seed: int, plant: bool
) -> tuple[int, list[str]]:
    """Run on a database of its own; return how many operations were done, and every violation found, in words."""
    with databases.fresh(f"soak_{os.getpid()}"):
        own = max(10, operations // processes // PER_PURSE)
        currency_id, _ = databases.make_members(own * processes + SHARED_MEMBERS, purses=False)
        settings.NIGHT_CHUNK_MEMBERS = max(20, own * processes // 6)
        each_day = max(1, -(-operations // processes // (nights + 1)))
        shared = Shared(
            seed=seed,
            first_day=FIRST,
            members=tuple(range(own * processes + 1, own * processes + SHARED_MEMBERS + 1)),
            currency_id=currency_id,
            postings=max(20, each_day * processes // 10),
            holds=max(10, each_day * processes // 500),
        )
        commit(partitions.ensure, first=FIRST - 10 * DAY, last=FIRST + (nights + 450) * DAY)
        _open_shared(shared)
        course = Course(processes)
        workers = [
            Process(
                number=number,
                seed=seed,
                members=range(own * number + 1, own * (number + 1) + 1),
                currency_id=currency_id,
                shared=shared,
            )
            for number in range(processes)
        ]
        started = _start(workers, course, each_day)
        found, lapsed = _days(course, nights, seconds, plant=plant)
        reports = [course.told.get(timeout=60) for _ in started]
        for process in started:
            process.join()
        found += [line for report in reports for line in report["found"]]
        if not found:
            found += _prove_in_the_end(shared, reports, lapsed)
        say(
            f"peak memory of a process: {max(report['megabytes'] for report in reports):,} MB, of this one: {_peak():,} MB"
        )
        return sum(report["done"] for report in reports), found


def say(line: str) -> None:
    """Tell the person at the terminal."""
    print(f"· {line}", file=sys.stderr, flush=True)


def _open_shared(shared: Shared) -> None:
    """Give each shared purse its first points, which nobody asks for again."""
    batch = [
        Posting(
            member_id=member,
            currency_id=shared.currency_id,
            key=shared.posting((-1, member)).key,
            kind=Kind.RESTORE,
            points=500,
            occurred_on=FIRST,
            cause="soak/lot/first",
        )
        for member in shared.members
    ]
    commit(ledger.post, batch=batch, actor=SOAK)


def _start(workers: list[Process], course: Course, each_day: int) -> list[Any]:
    for alias in connections:
        connections[alias].close()
    started = [
        multiprocessing.get_context("fork").Process(target=_work, args=(worker, course, each_day)) for worker in workers
    ]
    for process in started:
        process.start()
    return started


def _work(worker: Process, course: Course, each_day: int) -> None:
    """Go through the dates with the others: work, meet, check, meet, turn, and again until it is over."""
    try:
        while True:
            until = worker.done + each_day
            while worker.done < until:
                worker.operate()
            course.meeting.wait(PATIENCE)  # all have worked, and the night before is over
            worker.check()
            course.meeting.wait(PATIENCE)  # all have checked
            course.meeting.wait(PATIENCE)  # what lapses has lapsed, the date has turned
            if course.over.is_set():
                break
            worker.lapse(datetime.datetime.combine(worker.today, NOON))
            worker.turn(worker.today + DAY)
    except threading.BrokenBarrierError:
        pass
    except BaseException:
        worker.found.append(f"a process ended: {traceback.format_exc(limit=-3)}")
        course.meeting.abort()
    report = {
        "done": worker.done,
        "found": worker.found,
        "effects": worker.effects,
        "megabytes": _peak(),
    }
    course.told.put(report)
    course.told.close()
    course.told.join_thread()
    os._exit(0)


def _days(course: Course, nights: int, seconds: float | None, *, plant: bool) -> tuple[list[str], int]:
    """Turn the date whenever all have worked, and close the one before meanwhile; return what was found, and shared holds lapsed."""
    found: list[str] = []
    lapsed, began = 0, time.monotonic()
    with contextlib.suppress(threading.BrokenBarrierError):
        for number in range(nights + 1):
            date = FIRST + number * DAY
            course.meeting.wait(PATIENCE)
            course.meeting.wait(PATIENCE)
            late = seconds is not None and time.monotonic() - began > seconds
            if found or late or number == nights:
                course.over.set()
                course.meeting.wait(PATIENCE)
                break
            lapsed += _lapse(LAPSING, date)
            _lapse(datetime.datetime.combine(date, NOON), date)
            if plant and number == nights // 2:
                _plant()
            statistics.refresh()
            night = commit(closing.begin, job=NIGHT, business_date=date, at=clock.now())
            course.meeting.wait(PATIENCE)
            found += _close(night, date)
            say(f"{time.monotonic() - began:6.1f} s  {date} closed and proved, {len(found)} violations")
            if found:
                course.meeting.abort()
    return found, lapsed


def _lapse(at: datetime.datetime, today: datetime.date) -> int:
    lapsed = 0
    while more := commit(holding.lapse, at=at, today=today, actor=SOAK):
        lapsed += more
    return lapsed


def _close(night: Any, date: datetime.date) -> list[str]:
    """Do the night of a date with two hands while the others book on the next, then prove every purse."""
    try:
        with driving.driving(job=NIGHT, who="soak"):
            driving.drive(job=NIGHT, run=night, hands=2)
            commit(closing.finish, run=night, at=clock.now())
        return _broken(proving.proving.prove(as_of=date), f"{date}")
    except Exception:
        return [f"the night of {date} failed: {traceback.format_exc(limit=-2)}"]


def _broken(results: dict[str, dict], when: str) -> list[str]:
    return [
        f"{when}: {name} broken, {proving.broken({name: result})}"
        for name, result in results.items()
        for _ in range(result["violations"])
    ]


def _prove_in_the_end(shared: Shared, reports: list[dict], lapsed: int) -> list[str]:
    """Prove everything once more, books and seals too, and each key's one effect."""
    last = proving.fencing.last_closed()
    if last is None:
        return []
    found = _broken(commit(proving.prove_all, as_of=last, at=clock.now()), "in the end")
    found += [f"seal: {finding}" for finding in verifying.verify(last=last).broken]
    reports[0]["effects"].lapsed += lapsed
    return found + disagreements(shared, [report["effects"] for report in reports])


def _plant() -> None:
    """Take a point out of a lot, as only the owner of the tables can."""
    with contextlib.closing(databases.as_owner(settings.DATABASES["default"]["NAME"])) as owner:
        owner.cursor().execute(
            "UPDATE points_lot SET remaining = remaining - 1 WHERE (member_id, currency_id, expires_on, number) ="
            " (SELECT member_id, currency_id, expires_on, number FROM points_lot WHERE remaining > 1 AND member_id = 1"
            " ORDER BY expires_on DESC LIMIT 1)"
        )
        say("a point was taken out of a lot")


def _peak() -> int:
    """Return this process's peak memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)
