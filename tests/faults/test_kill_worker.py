"""Workers killed in the middle of a night, messages doubled: the figures are those of an undisturbed night (C01, C03)."""

import datetime
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connections
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


def test_a_night_without_a_broker_has_one_pair_of_hands_and_ends(expected, variables):
    """C06: help can't be sent, the night goes on alone."""
    alone = manage(
        variables | {"REDIS_URL": NO_BROKER}, "shell", "-c", "from membership_site import tasks; tasks.close_due()"
    )

    assert '"no help"' in alone.stderr

    assert banks.figures() == expected
