"""A member's copy holds his facts and their history in clear, and never the key they are sealed under."""

import pytest

from foundation.actors import Actor
from members import knowing
from members.files import FactSource
from members.models import Member, Person
from members.sealing import open_person
from privacy import tellings
from privacy.contents import Owner
from tests.factories import ConsentTextFactory, UserFactory
from tests.members.cast import NOON, TODAY, known

pytestmark = pytest.mark.django_db


def test_he_takes_his_facts_along_and_no_key() -> None:
    ConsentTextFactory(purpose="terms")
    member = known()
    said = {"source": FactSource.TOLD, "told_on": TODAY, "today": TODAY, "at": NOON, "actor": Actor(user=UserFactory())}
    knowing.put(member_id=member.pk, facts={"post": "Clerk"}, **said)
    knowing.put(member_id=member.pk, facts={"post": "Manager"}, **said)
    owner = Owner(member=Member.objects.select_related("person", "branch", "user").get(pk=member.pk), today=TODAY)

    facts = {row["fact"]: row["value"] for row in tellings.facts(owner)}
    changes = [(row["before"], row["after"]) for row in tellings.fact_changes(owner)]

    key = open_person(Person.objects.get(pk=member.pk)).file_key
    assert facts["post"] == "Manager"
    assert changes == [("", "Clerk"), ("Clerk", "Manager")]
    assert key
    assert key not in str([*tellings.identity(owner), facts, changes])
