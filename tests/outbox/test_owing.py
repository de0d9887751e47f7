"""What is owed is written with the change, once per key, and nobody but the relay moves it."""

import re
import time

import pytest
from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation import transactions
from foundation.outbox import owing, subscribing
from foundation.outbox.models import Obligation
from foundation.outbox.owing import Owed, owe
from tests.outbox.errands import TOPIC, owe_errands

pytestmark = pytest.mark.django_db
V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_an_obligation_is_due_at_once_and_its_id_grows_with_time():
    for member in (3, 1, 2):
        owe_errands(member)

    rows = list(Obligation.objects.order_by("id"))
    assert [one.member_id for one in rows] == [3, 1, 2]
    assert all(V7.fullmatch(f"{one.pk}") for one in rows)
    assert (rows[0].payload, rows[0].attempts, rows[0].done_at, rows[0].quarantined_at) == (
        {"errand": "1"},
        0,
        None,
        None,
    )
    assert rows[0].due_at == rows[0].not_before == rows[0].recorded_at


def test_a_key_is_owed_once_per_member_and_topic():
    assert owe_errands(1, 2) == 2
    assert owe_errands(2, 3) == 1
    assert owe_errands(2, key="2") == 1
    assert transactions.commit(owe, batch=[Owed(member_id=2, key="2", payload={})], topic="test.other") == 1
    assert Obligation.objects.count() == 5


def test_what_is_owed_is_rolled_back_with_its_change():
    with pytest.raises(ValueError), transaction.atomic():
        owe([Owed(member_id=1, key="1", payload={})], topic=TOPIC)
        raise ValueError

    assert not Obligation.objects.exists()


def test_a_thousand_are_owed_in_one_statement():
    with CaptureQueriesContext(connection) as one:
        owe_errands(1)
    with CaptureQueriesContext(connection) as many:
        owe_errands(*range(2, 1_002))

    assert len(one) == len(many) == 3  # the savepoint, the rows, the savepoint's end
    assert owe_errands() == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE outbox_obligation SET payload = '{}'",
        "UPDATE outbox_obligation SET member_id = 2",
        "UPDATE outbox_obligation SET key = 'x'",
        "DELETE FROM outbox_obligation",
        "TRUNCATE outbox_obligation",
    ],
)
def test_runtime_can_t_change_or_forget_what_is_owed(sql):
    owe_errands(1)

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert Obligation.objects.filter(member_id=1, payload={"errand": "1"}).count() == 1


def test_done_and_quarantined_exclude_each_other():
    owe_errands(1)

    with pytest.raises(DatabaseError, match="obligation_done_or_quarantined"), transaction.atomic():
        Obligation.objects.update(done_at="2026-03-02T00:00Z", quarantined_at="2026-03-02T00:00Z")


def test_a_worker_is_rung_once_after_the_commit(monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: rung.append(name))
    monkeypatch.setattr(owing, "_silent_until", 0)

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        for member in (1, 2, 2):
            owe([Owed(member_id=member, key="1", payload={})], topic=TOPIC)
        assert rung == []

    assert rung == ["relay"]
    with django_capture_on_commit_callbacks(execute=True):
        owe_errands(2)
    assert rung == ["relay"]


def test_a_broker_that_says_anything_changes_nothing(monkeypatch, django_capture_on_commit_callbacks):
    """C08: also one that is full and refuses the message."""

    def full(name, **options):
        raise RuntimeError("OOM command not allowed when used memory > 'maxmemory'")

    monkeypatch.setattr(current_app, "send_task", full)
    monkeypatch.setattr(owing, "_silent_until", 0)

    with django_capture_on_commit_callbacks(execute=True):
        owe_errands(1)

    assert Obligation.objects.waiting().count() == 1
    assert owing._silent_until > time.monotonic() + 25


def test_a_broker_that_was_away_is_left_in_peace_for_a_while(monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: rung.append(name))
    monkeypatch.setattr(owing, "_silent_until", time.monotonic() + 20)

    with django_capture_on_commit_callbacks(execute=True):
        owe_errands(1)

    assert rung == []


def test_a_topic_has_one_handler(errands):
    subscribing.subscribe(topic=TOPIC, handle=errands)

    with pytest.raises(RuntimeError, match="has a handler already"):
        subscribing.subscribe(topic=TOPIC, handle=lambda owed, **_context: None)
