"""A bank with two branches under a head office, and one member of staff of each role."""

import dataclasses
import datetime

import pytest
from django.test import Client

from foundation.access.models import Branch, Role, User
from members.models import Member, Person
from tests.factories import (
    BankFactory,
    BranchFactory,
    MemberFactory,
    PointCurrencyFactory,
    StaffFactory,
    StaffPostingFactory,
    names,
)
from tiers.models import Programme, RuleBook, Tier


@dataclasses.dataclass(frozen=True)
class House:
    """Head office › Pudong › Lujiazui, and Harbour beside Pudong; a member in Lujiazui, one in Harbour."""

    head_office: Branch
    pudong: Branch
    lujiazui: Branch
    harbour: Branch
    near: Member
    far: Member


@pytest.fixture
def house(db: None) -> House:
    BankFactory()
    PointCurrencyFactory()
    head_office = BranchFactory(code="000")
    pudong, harbour = BranchFactory(code="100", parent=head_office), BranchFactory(code="200", parent=head_office)
    lujiazui = BranchFactory(code="101", parent=pudong)
    near, far = MemberFactory(number="A-NEAR-1", branch=lujiazui), MemberFactory(number="A-FAR-2", branch=harbour)
    for member, name in ((near, "王*"), (far, "李*")):
        Person.objects.create(member=member, sealed=b"", masked_name=name, masked_phone="138****0001")
    programme = Programme.objects.create(code="main", names=names("Premier"), is_main=True)
    for rank, code in enumerate(("standard", "silver", "gold")):
        Tier.objects.create(programme=programme, rank=rank, code=code, names=names(code.title()))
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    RuleBook.objects.create(programme=programme, number=1, in_force_from=datetime.date(2020, 1, 1), created_at=start)
    return House(head_office, pudong, lujiazui, harbour, near, far)


def posted(role: Role, branch: Branch) -> User:
    """Return a member of staff who holds `role` in `branch` since long ago."""
    return StaffPostingFactory(user=StaffFactory(), branch=branch, role=role).user


@pytest.fixture
def teller(house: House) -> Client:
    """The teller of Pudong: he sees Lujiazui, which lies under it, and not Harbour."""
    client = Client()
    client.force_login(posted(Role.TELLER, house.pudong))
    return client


@pytest.fixture
def compliance(house: House) -> Client:
    """The compliance officer of head office: she sees everybody."""
    client = Client()
    client.force_login(posted(Role.COMPLIANCE, house.head_office))
    return client
