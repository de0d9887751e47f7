"""A new master key: every member's key is wrapped anew, whatever ends it in the middle; what the keys open is as it was."""

import json
import secrets

import pytest
from cryptography.exceptions import InvalidTag
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members import joining
from members.models import Member, Person
from members.sealing import open_person
from privacy import rotating
from privacy.models import Rotation
from tests.factories import ConsentTextFactory
from tests.members.cast import LI, begin
from tests.points.cast import NOON
from tests.privacy.cast import ZHAO, open_house, zhao


@pytest.fixture
def house(db, settings):
    member, _points = open_house()
    for number in range(12):
        zhao(member.branch, number=f"C{number}", user=None)
    return member


def new_key(settings) -> None:
    """Put a new master key in force beside the one before."""
    settings.PERSONAL_DATA_EARLIER_KEYS = [settings.PERSONAL_DATA_KEY]
    settings.PERSONAL_DATA_KEY = secrets.token_bytes(32)


def everybody() -> set:
    return {open_person(person) for person in Person.objects.all()}


def test_all_keys_are_wrapped_anew_and_the_old_one_is_needed_no_more(house, settings, capsys):
    ConsentTextFactory(purpose="terms")
    enrolment = begin(LI)
    new_key(settings)
    assert everybody() == {ZHAO}

    call_command("rotate_keys", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["wrapped"]["members_person"], told["wrapped"]["members_enrolment"]) == (13, 1)
    settings.PERSONAL_DATA_EARLIER_KEYS = []
    assert everybody() == {ZHAO}
    enrolment.refresh_from_db()
    assert joining.data_of(enrolment).full_name == LI.full_name


def test_without_the_rotation_the_old_key_is_needed(house, settings):
    """The naive twin: who throws the old key away first has lost everybody."""
    new_key(settings)
    settings.PERSONAL_DATA_EARLIER_KEYS = []

    with pytest.raises(InvalidTag):
        everybody()


def test_ended_in_the_middle_it_goes_on_where_it_stood(house, settings, monkeypatch):
    monkeypatch.setattr(rotating, "CHUNK", 5)
    new_key(settings)

    first = rotating.rotate(at=NOON)
    # Half are under the new key, half under the old one: both open, in any order.
    assert (first, everybody()) == (("members_person", 5), {ZHAO})
    counts = []
    while chunk := rotating.rotate(at=NOON):
        counts.append(chunk)

    assert [count for table, count in counts if table == "members_person"] == [5, 3]
    assert rotating.rotate(at=NOON) is None
    places = {place.name for place in rotating.PLACES}
    assert dict(Rotation.objects.values_list("place", "rows")) == dict.fromkeys(places, 0) | {"members_person": 13}


def test_begun_again_it_lets_be_what_is_done(house, settings):
    new_key(settings)
    call_command("rotate_keys", "--json")
    before = set(Person.objects.values_list("pk", "wrapped_key").values_list("pk", flat=True))

    call_command("rotate_keys", "--again", "--json")

    assert Rotation.objects.get(place="members_person").rows == 0
    assert set(Person.objects.values_list("pk", flat=True)) == before


def test_a_row_that_somebody_writes_meanwhile_is_his(house, settings):
    new_key(settings)
    person = Person.objects.order_by("pk").first()
    Person.objects.filter(pk=person.pk).update(wrapped_key=None)

    call_command("rotate_keys", "--json")

    assert Person.objects.get(pk=person.pk).wrapped_key is None


def test_one_key_and_many_take_as_many_statements(house, settings, monkeypatch):
    counts = []
    for chunk in (1, 12):
        monkeypatch.setattr(rotating, "CHUNK", chunk)
        new_key(settings)
        with CaptureQueriesContext(connection) as seen:
            rotating.rotate(at=NOON)
        counts.append(len(seen))
        call_command("rotate_keys", "--json")

    assert counts[0] == counts[1]
    assert Member.objects.count() == 13


def test_every_wrapped_key_of_the_database_has_its_place():
    kept = {
        (model._meta.db_table, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name.startswith("wrapped_key")
    }

    assert kept == {(place.model._meta.db_table, place.key) for place in rotating.PLACES}
