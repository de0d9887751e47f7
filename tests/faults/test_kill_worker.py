"""Workers killed in the middle of a night, messages doubled or late: the figures are those of an undisturbed night (C01, C03, C04, C16)."""

import contextlib
import datetime
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from django.conf import settings
from django.db import connection, connections
from kombu import Connection

from foundation.jobs import clock, driving
from foundation.jobs.models import BusinessDate, Chunk, JobRun
from membership_site import closing, tasks
from tests import banks
from tests.conftest import cloned
from tests.workers import NO_BROKER, environment, manage, working

NIGHTS = 2
CHUNK_MEMBERS = "2"
LONG = 60.0  # seconds after which a test gives up waiting


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Look every hundredth of a second until `reached`."""
    deadline = time.monotonic() + LONG
    while not reached():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


def chunks_done() -> int:
    return Chunk.objects.filter(done_at__isnull=False).count()


def all_closed() -> bool:
    return BusinessDate.objects.filter(status="closed").count() == NIGHTS and not driving.holder(job=closing.NIGHT)


@pytest.fixture
def expected(committed, django_db_blocker) -> Iterator[dict]:
    """The figures that the nights leave when nobody disturbs them, worked out in a clone of the same bank."""
    first = clock.today() - datetime.timedelta(days=NIGHTS)
    banks.open_bank(first_business_date=first, members=40, days=6)
    connections.close_all()
    with cloned(committed):
        closing.close(through=None, way="undisturbed")
        undisturbed = banks.figures()
    assert len(undisturbed["entries"]) > 100
    assert {status for _date, status in undisturbed["dates"]} == {"open", "closed"}
    yield undisturbed


@pytest.fixture
def variables(committed) -> Iterator[dict[str, str]]:
    """The environment of a worker on this test's database, with an empty broker database and small chunks."""
    variables = environment(committed, NIGHT_CHUNK_MEMBERS=CHUNK_MEMBERS)
    with Connection(variables["REDIS_URL"]) as broker:
        broker.default_channel.client.flushdb()
    yield variables


def send(task, variables: dict[str, str]) -> None:
    with Connection(variables["REDIS_URL"]) as broker:
        task.apply_async(connection=broker)


def test_a_night_whose_workers_were_killed_is_resumed_by_the_next_ring(expected, variables, tmp_path):
    """Everything dies at once; the message that drove the night stays unacknowledged, so the minute's ring takes over."""
    with working(variables, tmp_path / "first.log") as first:
        send(tasks.ring, variables)
        wait_until(lambda: chunks_done() >= 30, "the night is in its middle")
        first.kill()
    killed_at = chunks_done()
    wait_until(lambda: not driving.holder(job=closing.NIGHT), "the database sees that the driver is gone")

    assert killed_at < 20 * 6
    assert JobRun.objects.filter(job="close_day", status="running").count() == 1

    with working(variables, tmp_path / "second.log"):
        send(tasks.ring, variables)
        wait_until(all_closed, "the dates are closed")

    assert banks.figures() == expected
    assert JobRun.objects.filter(job="close_day").order_by("business_date").first().attempts == 2


def test_a_killed_driver_s_message_comes_back_to_its_worker(expected, variables, tmp_path):
    """Only the process at work dies; its parent hands the message to another, without any ring."""
    with working(variables, tmp_path / "worker.log"):
        send(tasks.close_due, variables)
        wait_until(lambda: chunks_done() >= 30, "the night is in its middle")
        holder = driving.holder(job=closing.NIGHT)
        os.kill(int(re.search(r"process (\d+)", holder)[1]), signal.SIGKILL)
        wait_until(all_closed, "the dates are closed")

    assert banks.figures() == expected


def test_a_message_delivered_five_times_closes_each_date_once(expected, variables, tmp_path):
    for _copy in range(5):
        send(tasks.close_due, variables)

    with working(variables, tmp_path / "worker.log"):
        wait_until(all_closed, "the dates are closed")

    assert banks.figures() == expected
    assert list(JobRun.objects.filter(job="close_day").values_list("attempts", flat=True)) == [1] * NIGHTS


@contextlib.contextmanager
def nobody_gets_past(table: str, database: str) -> Iterator[psycopg2.extensions.connection]:
    """Let whoever reads or writes the table wait until the connection given is rolled back."""
    owner = settings.DATABASES["owner"]
    line = psycopg2.connect(
        host=owner["HOST"], port=owner["PORT"], user=owner["USER"], password=owner["PASSWORD"], dbname=database
    )
    with contextlib.closing(line):
        line.cursor().execute(f"LOCK TABLE {table}")
        yield line


def test_a_night_longer_than_its_message_lives_is_driven_once(expected, variables, committed, tmp_path):
    """C04: after 5 seconds the broker takes the message for lost; the second copy sees who drives, and ends."""
    log = tmp_path / "worker.log"
    alone = variables | {"NIGHT_WORKERS": "1"}  # so that one of the two processes is free for the copy
    with nobody_gets_past("points_sealedrange", committed) as line, working(alone, log, "tests.impatient"):
        send(tasks.close_due, variables)
        wait_until(lambda: "nothing to drive" in log.read_text(), "the second copy has ended")
        assert driving.holder(job=closing.NIGHT)
        assert BusinessDate.objects.filter(status="closed").count() == 0
        line.rollback()
        wait_until(all_closed, "the dates are closed")

    assert banks.figures() == expected
    assert list(JobRun.objects.filter(job="close_day").values_list("attempts", flat=True)) == [1] * NIGHTS


def test_a_night_that_kills_every_worker_is_given_up_until_a_person_looks(expected, variables, committed, tmp_path):
    """C16: five deaths at one place, then no ring takes it up; nothing is skipped, and the command goes on where it stood."""
    alone, killed = variables | {"NIGHT_WORKERS": "1"}, []
    runs = JobRun.objects.filter(job="close_day", status="failed")
    with nobody_gets_past("points_sealedrange", committed), working(alone, tmp_path / "worker.log"):
        send(tasks.close_due, variables)
        while not runs.exists():
            wait_until(lambda: waiting() or runs.exists(), "it is at the step that kills it, or given up")
            for pid, process in waiting():
                killed.append(process)
                os.kill(process, signal.SIGKILL)
                # The server looks after its clients also while they wait: the driver's lock goes with the session.
                wait_until(lambda gone=pid: gone not in dict(waiting()), "the dead worker's session has ended")
                # A copy of the message that came before that saw a driver still; the minute's ring sends another.
                send(tasks.close_due, variables)
        send(tasks.ring, variables)
        wait_until(lambda: runs.get().attempts > tasks.MOST_DEATHS + 1, "a ring has tried again")

    assert len(killed) == tasks.MOST_DEATHS
    assert (runs.get().step, runs.get().error) == ("digest", "given up: the process at work has died 5 times here")
    assert BusinessDate.objects.filter(status="closed").count() == 0

    manage(variables, "close_day", "--due")

    assert banks.figures() == expected


def waiting() -> list[tuple[int, int]]:
    """Return the database's process and the worker's of each driver that waits for the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, substring(application_name FROM 'process (\\d+)')::int FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE '%%process%%'"
        )
        return cursor.fetchall()


def test_a_night_without_a_broker_has_one_pair_of_hands_and_ends(expected, variables):
    """C06: help can't be sent, the night goes on alone."""
    alone = manage(
        variables | {"REDIS_URL": NO_BROKER}, "shell", "-c", "from membership_site import tasks; tasks.close_due()"
    )

    assert '"no help"' in alone.stderr

    assert banks.figures() == expected
