"""Redis only rings: transfers arrive whatever happens to messages, workers and the broker (C03, C05-C08)."""

import time
import uuid
from collections.abc import Iterator

import pytest
from django.db import transaction
from kombu import Connection

from foundation import transactions
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members.models import Member
from membership_site import tasks
from points import ledger, proving, transferring
from points.models import Purse
from tests.factories import BankFactory, MemberFactory, PointCurrencyFactory
from tests.faults.test_kill_worker import LONG, send, wait_until
from tests.points.cast import CLERK, asked, books_ok
from tests.races.test_posting import commit
from tests.workers import NO_BROKER, environment, manage, working

TRANSFERS = 60


@pytest.fixture
def variables(committed) -> Iterator[dict[str, str]]:
    """The environment of a worker on this test's database, with an empty broker database."""
    variables = environment(committed)
    flush_all(variables)
    yield variables


def flush_all(variables: dict[str, str]) -> None:
    """C07: empty the broker, as FLUSHALL would for this test's share of it."""
    with Connection(variables["REDIS_URL"]) as connection:
        connection.default_channel.client.flushdb()


def a_bank_with_transfers() -> None:
    """Let one member give TRANSFERS times ten points, to ten others in turn; nothing has relayed them yet."""
    BankFactory(business_date=clock.today())
    points = PointCurrencyFactory()
    wang = MemberFactory()
    takers = MemberFactory.create_batch(10, branch=wang.branch)
    commit(asked(wang, points, 10 * TRANSFERS, occurred_on=clock.today()))
    for number in range(TRANSFERS):
        give(wang, takers[number % 10], points)


def give(giver, taker, points) -> None:
    transactions.commit(
        transferring.transfer,
        from_member_id=giver.pk,
        to_member_id=taker.pk,
        currency_id=points.pk,
        points=10,
        key=uuid.uuid4(),
        reference="fault",
        occurred_on=clock.today(),
        at=clock.now(),
        actor=CLERK,
    )


def all_done() -> bool:
    return not Obligation.objects.open().exists()


def everything_arrived_once() -> bool:
    assert sorted(Purse.objects.values_list("available", flat=True)) == [0] + [10 * TRANSFERS // 10] * 10
    result = proving.prove(as_of=clock.today())["transfers_in_flight"]
    assert (result["violations"], result["in_flight"], result["checked"]) == (0, 0, 2 * TRANSFERS)
    return books_ok(as_of=clock.today())


def test_a_ring_delivered_many_times_relays_each_transfer_once(variables, tmp_path):
    a_bank_with_transfers()
    for _copy in range(5):
        send(tasks.relay, variables)
        send(tasks.ring, variables)

    with working(variables, tmp_path / "worker.log"):
        wait_until(all_done, "everything is relayed")

    assert everything_arrived_once()


def test_a_worker_killed_at_work_leaves_its_claims_to_the_next_ring(variables, tmp_path):
    """C05: the message is gone with the worker; what it had claimed is due again after its pause."""
    a_bank_with_transfers()
    # The first batch waits for the purse of the first who takes, which this test holds meanwhile.
    with transaction.atomic():
        taker = Member.objects.get(pk=Obligation.objects.order_by("id").first().payload["to_member"])
        ledger.post([asked(taker, PointCurrencyFactory(), 1, occurred_on=clock.today())], actor=CLERK)
        with working(variables, tmp_path / "first.log") as worker:
            send(tasks.relay, variables)
            wait_until(lambda: Obligation.objects.filter(attempts=1).count() == TRANSFERS, "the batch is claimed")
            worker.kill()
        transaction.set_rollback(True)
    flush_all(variables)
    assert Obligation.objects.open().count() == TRANSFERS

    Obligation.objects.waiting().update(not_before=clock.now())
    with working(variables, tmp_path / "second.log"):
        send(tasks.ring, variables)
        wait_until(all_done, "everything is relayed")

    assert everything_arrived_once()


def test_without_a_broker_a_transfer_commits_at_once_and_arrives_later(committed):
    """C06 and C08: nobody hears the rings; the command, or the next worker's ring, does what is owed."""
    alone = environment(committed, REDIS_URL=NO_BROKER)

    started = time.monotonic()
    made = manage(alone, "shell", "-c", "from tests.faults.test_outbox import *; a_bank_with_transfers()")

    assert time.monotonic() - started < LONG / 2
    assert made.stderr.count('"no ring"') == 1
    assert Obligation.objects.waiting().count() == TRANSFERS
    done = manage(alone, "relay_outbox", "--json")
    assert f'"done": {TRANSFERS}, "failed": 0' in done.stdout
    assert everything_arrived_once()


def test_a_broker_emptied_before_anybody_heard_it_forgets_nothing(variables, tmp_path):
    """C07: every message of sixty transfers is lost; one ring of the next minute is enough."""
    a_bank_with_transfers()
    for _copy in range(3):
        send(tasks.relay, variables)
    flush_all(variables)

    with working(variables, tmp_path / "worker.log"):
        send(tasks.ring, variables)
        wait_until(all_done, "everything is relayed")

    assert everything_arrived_once()
