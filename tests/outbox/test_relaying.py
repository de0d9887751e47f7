"""The relay does what is due, in batches; what fails hurts nobody beside it, waits, and is quarantined in the end (C16)."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation import transactions
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox import measuring, relaying, subscribing
from foundation.outbox.models import Obligation
from tests.factories import MemberFactory
from tests.outbox.errands import CLERK, TOPIC, owe_errands, pauses_are_over, relay

pytestmark = pytest.mark.django_db


def crowd(size: int) -> list[int]:
    """Return the ids of so many members, each owed an errand."""
    members = [member.pk for member in MemberFactory.create_batch(size, branch=MemberFactory().branch)]
    owe_errands(*members)
    return members


def test_everything_due_is_done_once(errands):
    members = crowd(3)

    assert relay() == {"done": 3, "failed": 0}
    assert errands.batches == [members]
    assert errands.done == set(members)
    assert not Obligation.objects.open().exists()
    assert set(Obligation.objects.values_list("attempts", flat=True)) == {1}
    assert relay() == {"done": 0, "failed": 0}
    assert errands.batches == [members]


def test_what_is_not_due_or_nobody_s_waits(errands):
    [early, _] = crowd(2)
    Obligation.objects.filter(member_id=early).update(not_before="2099-01-01T00:00Z")
    subscribing._handlers.clear()

    assert not relaying.is_due()
    assert relay() == {"done": 0, "failed": 0}

    subscribing.subscribe(topic=TOPIC, handle=errands)
    assert relaying.is_due()
    assert relay() == {"done": 1, "failed": 0}
    assert not relaying.is_due()
    assert Obligation.objects.waiting().get().member_id == early


def test_a_poisoned_row_leaves_its_batch_unhurt_and_says_why(errands):
    members = crowd(5)
    errands.poison = {members[2]}

    assert relay() == {"done": 4, "failed": 1}

    assert errands.done == set(members) - errands.poison
    poisoned = Obligation.objects.waiting().get()
    assert (poisoned.member_id, poisoned.attempts, poisoned.last_error) == (
        members[2],
        1,
        "Poisoned: this can't be done",
    )
    assert 7 < (poisoned.not_before - clock.now()).total_seconds() < 13
    assert relay() == {"done": 0, "failed": 0}


def test_pauses_double_up_to_an_hour_and_what_fails_ten_times_is_quarantined(errands):
    [member] = crowd(1)
    errands.poison = {member}
    pauses = []
    for _attempt in range(relaying.MOST_ATTEMPTS):
        relay()
        pauses.append((Obligation.objects.get().not_before - clock.now()).total_seconds())
        pauses_are_over()

    assert all(
        0.7 * exact < pause < 1.3 * exact
        for pause, exact in zip(pauses[:9], [10 * 2**n for n in range(9)], strict=True)
    )
    assert 2_500 < pauses[-1] < 4_600
    quarantined = Obligation.objects.get()
    assert (quarantined.attempts, quarantined.quarantined_at is not None) == (10, True)
    assert relay() == {"done": 0, "failed": 0}
    assert [measuring.Measure(TOPIC, 0, 0, 1)] == measuring.measure()


def test_a_row_that_kills_its_worker_is_tried_alone_and_quarantined_in_the_end(errands):
    """The claim counts before the work: a worker that dies leaves attempts behind, and no error."""
    [deadly, other] = crowd(2)
    transactions.commit(relaying.claim, topic=TOPIC, again=False, size=10)
    for _death in range(relaying.MOST_ATTEMPTS - 1):
        pauses_are_over()
        Obligation.objects.filter(member_id=other).update(not_before="2099-01-01T00:00Z")
        assert len(transactions.commit(relaying.claim, topic=TOPIC, again=True, size=1)) == 1
    pauses_are_over()

    assert relay() == {"done": 1, "failed": 0}

    assert errands.batches == [[other]]
    quarantined = Obligation.objects.get(member_id=deadly)
    assert (quarantined.last_error, quarantined.done_at) == ("the worker died at it", None)
    assert quarantined.quarantined_at is not None


def test_people_let_a_quarantined_row_be_tried_again(errands):
    crowd(1)
    Obligation.objects.update(quarantined_at=clock.now(), attempts=10, last_error="Poisoned")
    one = Obligation.objects.get()

    transactions.commit(relaying.try_again, obligation=one, at=clock.now(), actor=CLERK)

    assert relay() == {"done": 1, "failed": 0}
    event = AuditEvent.objects.get(verb="outbox.try_again")
    assert (event.subject_id, event.old) == (f"{one.pk}", {"attempts": 10, "last_error": "Poisoned"})
    with pytest.raises(relaying.NotQuarantined):
        transactions.commit(relaying.try_again, obligation=one, at=clock.now(), actor=CLERK)
    assert AuditEvent.objects.filter(verb="outbox.try_again").count() == 1


def test_a_hundred_take_as_many_statements_as_one(errands):
    crowd(1)
    with CaptureQueriesContext(connection) as one:
        relay()
    crowd(100)
    with CaptureQueriesContext(connection) as many:
        assert relay() == {"done": 100, "failed": 0}

    assert len(one) == len(many)


def test_the_command_says_what_was_done_and_fails_where_something_is_quarantined(errands):
    [bad, good] = crowd(2)
    out = StringIO()

    call_command("relay_outbox", json=True, stdout=out)

    assert json.loads(out.getvalue()) == {
        "done": 2,
        "failed": 0,
        "topics": [{"topic": TOPIC, "waiting": 0, "oldest_seconds": 0.0, "quarantined": 0}],
    }
    owe_errands(bad, good, key="2")
    errands.poison = {bad}
    with pytest.raises(CommandError) as failure:
        call_command("relay_outbox", stdout=out)
    assert failure.value.returncode == 1
    assert "1 done, 1 failed" in out.getvalue()


def test_the_metrics_tell_the_oldest_of_each_topic(errands, client):
    crowd(1)
    owe_errands(4711, key="2")
    Obligation.objects.filter(member_id=4711).update(quarantined_at=clock.now())

    text = client.get("/metrics").content.decode()

    [oldest] = [line for line in text.splitlines() if line.startswith("loyalty_outbox_oldest_seconds{")]
    assert oldest.startswith(f'loyalty_outbox_oldest_seconds{{topic="{TOPIC}"}} ')
    assert 0 < float(oldest.split()[-1]) < 60
    assert f'loyalty_outbox_quarantined{{topic="{TOPIC}"}} 1.0' in text
