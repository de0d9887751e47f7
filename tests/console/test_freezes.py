"""A purse is frozen from the member's page, thawed there, or asked for where compliance froze it."""

import uuid

import pytest
from django.db import transaction
from django.test import Client

from foundation.access.models import Role
from foundation.approvals.models import Request
from foundation.jobs import clock
from members.models import Member
from points.models import Freeze, Purse
from tests.api.conftest import earn
from tests.console.conftest import posted
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory, UserFactory


class Street:
    """A branch and another, each with a member of 100 points; clients of the first's teller and manager, and of compliance."""

    def __init__(self) -> None:
        BankFactory(business_date=clock.today())
        PointCurrencyFactory()
        head_office = BranchFactory(code="000")
        branch, other = BranchFactory(code="101", parent=head_office), BranchFactory(code="201", parent=head_office)
        self.near, self.far = MemberFactory(branch=branch, user=UserFactory()), MemberFactory(branch=other)
        earn(self.near, 100)
        earn(self.far, 100)
        self.teller = self.client(posted(Role.TELLER, branch))
        self.manager = self.client(posted(Role.BRANCH_MANAGER, branch))
        self.compliance = self.client(posted(Role.COMPLIANCE, head_office))
        self.member = self.client(self.near.user)

    @staticmethod
    def client(user) -> Client:
        client = Client()
        client.force_login(user)
        return client


@pytest.fixture
def street(committed) -> Street:
    with transaction.atomic():
        return Street()


def path(member: Member, what: str) -> str:
    return f"/console/members/member/{member.pk}/{what}"


def say(client: Client, member: Member, what: str, reason: str = "phone lost"):
    return client.post(path(member, f"{what}/points/"), {"id": uuid.uuid4(), "reason": reason})


def shown(client: Client, member: Member) -> str:
    return client.get(path(member, "?tab=points")).content.decode()


def frozen(member: Member) -> bool:
    return Purse.objects.get(member_id=member.pk).frozen


def test_a_teller_freezes_and_a_manager_thaws(street: Street) -> None:
    assert "Freeze points" in shown(street.teller, street.near)

    done = say(street.teller, street.near, "freeze")

    assert (done.status_code, frozen(street.near)) == (302, True)
    page = shown(street.teller, street.near)
    assert "phone lost" in page and "Thaw points" not in page
    assert "Thaw points" in shown(street.manager, street.near)
    assert say(street.teller, street.near, "thaw").status_code == 403
    assert say(street.manager, street.near, "thaw").status_code == 302
    assert not frozen(street.near)


def test_the_member_reads_one_sentence_and_the_api_one_word(street: Street) -> None:
    said = "These points are frozen"
    before = street.member.get("/points").content.decode()
    say(street.teller, street.near, "freeze")

    pages = [street.member.get(address).content.decode() for address in ("/points", "/points/points/use")]
    refused = street.member.post("/points/points/use", {"points": "1", "key": str(uuid.uuid4()), "confirmed": "1"})

    assert said not in before
    assert all(said in page for page in pages)
    assert all("phone lost" not in page for page in pages)
    assert "frozen" in refused.content.decode()
    assert street.member.get("/api/v1/me/balance").json()["purses"][0]["frozen"] is True
    assert Purse.objects.get(member_id=street.near.pk).available == 100


def test_what_compliance_froze_is_asked_for(street: Street) -> None:
    say(street.compliance, street.near, "freeze", "court order")

    assert "Ask to thaw points" in shown(street.manager, street.near)
    asked = say(street.manager, street.near, "thaw", "order lifted")

    made = Request.objects.get()
    page = street.compliance.get(asked["Location"]).content.decode()
    assert "court order" in page and "order lifted" in page
    assert frozen(street.near)
    street.compliance.post(f"{asked['Location']}approve/", {"seen": made.payload_hash})
    assert not frozen(street.near)


@pytest.mark.parametrize("what", ["freeze", "thaw"])
def test_a_member_of_another_branch_does_not_exist(street: Street, what: str) -> None:
    say(street.compliance, street.far, "freeze")

    assert say(street.manager, street.far, what).status_code == 404
    assert Freeze.objects.get().thawed_on is None


def test_without_a_reason_the_form_says_so(street: Street) -> None:
    answer = say(street.teller, street.near, "freeze", "")

    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()
    assert not frozen(street.near)
