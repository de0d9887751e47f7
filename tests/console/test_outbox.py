"""The outbox in the console: IT sees what waits and what is quarantined, and lets it be tried again; compliance only reads."""

import re

import pytest
from django.test import Client

from foundation.access.models import Role
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox import subscribing
from foundation.outbox.models import Obligation
from tests.console.conftest import House, posted
from tests.outbox.errands import TOPIC, Errands, owe_errands

ADDRESS = "/console/outbox/obligation/"


@pytest.fixture
def it(house: House) -> Client:
    """The operator in head office."""
    client = Client()
    client.force_login(posted(Role.IT, house.head_office))
    return client


@pytest.fixture
def quarantined(house: House, monkeypatch) -> Obligation:
    """Two obligations of one topic, one of them quarantined, and one that nobody subscribes to."""
    monkeypatch.setattr(subscribing, "_handlers", {TOPIC: Errands()})
    owe_errands(1, 2)
    Obligation.objects.filter(member_id=2).update(quarantined_at=clock.now(), attempts=10, last_error="Poisoned: no")
    return Obligation.objects.get(member_id=2)


def test_the_list_says_how_many_wait_and_are_quarantined(it: Client, quarantined: Obligation) -> None:
    text = it.get(ADDRESS).content.decode()

    assert re.search(r"1 waiting, the oldest for \d+ seconds; 1 quarantined", text)
    assert "Poisoned: no" in text
    only = it.get(ADDRESS, {"status": "quarantined"}).content.decode()
    assert only.count(TOPIC) == it.get(ADDRESS, {"status": "waiting"}).content.decode().count(TOPIC)
    assert "Poisoned" not in it.get(ADDRESS, {"status": "waiting"}).content.decode()
    assert "Poisoned" in only
    assert "Poisoned" not in it.get(ADDRESS, {"status": "done"}).content.decode()
    assert "Poisoned" in it.get(ADDRESS, {"topic": TOPIC}).content.decode()


def test_a_quarantined_one_is_tried_again_by_a_verb(it: Client, quarantined: Obligation) -> None:
    page = f"{ADDRESS}{quarantined.pk}/"

    assert f"{page}again/" in it.get(page).content.decode()
    assert it.get(f"{page}again/").status_code == 200
    answer = it.post(f"{page}again/")

    assert (answer.status_code, answer["Location"]) == (302, page)
    quarantined.refresh_from_db()
    assert (quarantined.quarantined_at, quarantined.attempts) == (None, 0)
    assert AuditEvent.objects.get(verb="outbox.try_again").actor is not None
    assert f"{page}again/" not in it.get(page).content.decode()
    assert "not quarantined" in it.post(f"{page}again/").content.decode()


def test_who_only_reads_tries_nothing_again(teller: Client, compliance: Client, quarantined: Obligation) -> None:
    page = f"{ADDRESS}{quarantined.pk}/"

    assert (compliance.get(ADDRESS).status_code, teller.get(ADDRESS).status_code) == (200, 403)
    assert f"{page}again/" not in compliance.get(page).content.decode()
    assert teller.get(page).status_code == 403
    for client in (teller, compliance):
        assert client.get(f"{page}again/").status_code == client.post(f"{page}again/").status_code == 403

    quarantined.refresh_from_db()
    assert quarantined.attempts == 10
