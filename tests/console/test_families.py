"""A member's family in the console: to read, within what the reader may see."""

import datetime

from django.test import Client

from foundation.actors import Actor
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership
from points import pooling
from points.models import PointCurrency
from tests.console.conftest import House

TRAIL = {"at": datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC), "actor": Actor.job("test")}


def a_family(house: House) -> None:
    """The member near is head of a family, the one far is in it and may spend 250 a month, somebody is invited."""
    Bank.objects.update(family_pool=True)
    families.invite(member_id=house.near.pk, number=house.far.number, **TRAIL)
    place = FamilyMembership.objects.inviting(house.far.number).get().pk
    families.accept(membership_id=place, member_id=house.far.pk, **TRAIL)
    currency = PointCurrency.objects.get()
    pooling.grant(
        head_member_id=house.near.pk, membership_id=place, currency_id=currency.pk, points_per_month=250, **TRAIL
    )
    families.invite(member_id=house.near.pk, number="SECRET-7", **TRAIL)


def test_compliance_reads_the_whole_family(house: House, compliance: Client) -> None:
    a_family(house)

    text = compliance.get(f"/console/members/member/{house.near.pk}/?tab=family").content.decode()

    assert "王* A-NEAR-1" in text
    assert "李* A-FAR-2" in text
    assert ">250 <" in text
    assert "SECRET-7" not in text


def test_a_teller_is_not_told_who_the_others_of_another_branch_are(house: House, teller: Client) -> None:
    a_family(house)

    text = teller.get(f"/console/members/member/{house.near.pk}/?tab=family").content.decode()

    assert "王* A-NEAR-1" in text
    assert "A-FAR-2" not in text
    assert "李*" not in text
    assert "a member of another branch" in text


def test_a_bank_without_families_has_no_such_tab(house: House, compliance: Client) -> None:
    assert "tab=family" not in compliance.get(f"/console/members/member/{house.near.pk}/").content.decode()
    assert compliance.get(f"/console/members/member/{house.near.pk}/?tab=family").status_code == 200
