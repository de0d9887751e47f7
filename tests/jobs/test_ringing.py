"""The minute's ring: it asks the tables, sends for a driver where one is needed, and leaves a trace that it was consumed."""

import datetime
import threading

import pytest
from django.db import connections

from foundation.idempotency.answering import KEPT
from foundation.idempotency.models import KeptAnswer
from foundation.jobs import beating, clock, driving
from foundation.jobs.models import JobRun
from foundation.outbox import subscribing
from membership_site import closing, ringing, schedule, tasks
from membership_site.celery import app
from tests.factories import BankFactory
from tests.outbox.errands import TOPIC, Errands, owe_errands


def rung() -> int:
    """Ring once and return how many drivers were sent for."""
    sent = []
    ringing.ring(close=lambda: sent.append("close_due"), relay=lambda: None)
    return len(sent)


@pytest.mark.django_db
def test_a_ring_sends_for_a_driver_where_a_date_is_due():
    BankFactory(first_business_date=clock.today() - datetime.timedelta(days=1))

    assert rung() == 1


@pytest.mark.django_db
def test_a_ring_sends_for_nobody_where_the_open_date_is_not_over():
    BankFactory(first_business_date=clock.today())

    assert rung() == 0


@pytest.mark.django_db
def test_a_ring_forgets_answers_that_are_kept_no_longer():
    kept = {"member_id": 1, "caller": "client 1", "route": "x", "fingerprint": "", "status": 201, "body": ""}
    for key, age in (("old", KEPT), ("young", KEPT - datetime.timedelta(minutes=1))):
        KeptAnswer.objects.create(**kept, key=key, answered_at=clock.now() - age)

    rung()

    assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["young"]


@pytest.mark.django_db
def test_a_ring_in_a_bank_that_is_not_configured_sends_for_nobody():
    assert rung() == 0


def test_a_ring_sends_for_nobody_while_somebody_drives(committed):
    BankFactory(first_business_date=clock.today() - datetime.timedelta(days=1))
    sent = []

    def other_worker() -> None:
        sent.append(rung())
        connections.close_all()

    with driving.driving(job=closing.NIGHT, who="the night shift"):
        thread = threading.Thread(target=other_worker)
        thread.start()
        thread.join()

    assert sent == [0]
    assert rung() == 1


@pytest.mark.django_db
def test_a_ring_sends_for_a_relay_where_something_owed_is_due(monkeypatch):
    monkeypatch.setattr(subscribing, "_handlers", {TOPIC: Errands()})
    sent = []

    def ring():
        ringing.ring(close=lambda: sent.append("close_due"), relay=lambda: sent.append("relay"))

    ring()
    owe_errands(1)
    assert sent == []
    ring()
    ring()

    assert sent == ["relay", "relay"]


@pytest.mark.django_db
def test_rings_leave_one_run_a_date_with_the_last_one_s_time():
    before = clock.now()

    rung()
    rung()

    run = JobRun.objects.get(job="ring")
    assert (run.status, run.attempts) == ("done", 2)
    assert before < run.finished_at == beating.last_beat() < clock.now()


def test_the_beat_rings_once_a_minute_and_knows_no_job():
    assert app.conf.beat_schedule == schedule.RINGS == {"ring": {"task": tasks.ring.name, "schedule": 60.0}}
    assert {tasks.ring.name, tasks.close_due.name, tasks.help_with.name, tasks.relay.name} <= set(app.tasks)
