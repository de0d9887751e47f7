"""A membership is suspended, reinstated by two, woken, released, closed and invited from its page; others' members are not there."""

import uuid

import pytest
from django.db import transaction
from django.test import Client

from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Request
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members.models import Member, StatusChange
from tests.api.conftest import earn
from tests.console.conftest import posted
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory, UserFactory
from tests.members.cast import known


class Street:
    """A branch and another, each with a member; clients of the first's teller and manager, and two of compliance."""

    def __init__(self) -> None:
        BankFactory(business_date=clock.today())
        PointCurrencyFactory()
        head_office = BranchFactory(code="000")
        branch, other = BranchFactory(code="101", parent=head_office), BranchFactory(code="201", parent=head_office)
        self.near, self.far = MemberFactory(branch=branch, user=UserFactory()), MemberFactory(branch=other)
        self.loaded = known(branch=branch, accepted_at=None, user=None)
        earn(self.near, 100)
        self.people = {
            "teller": posted(Role.TELLER, branch),
            "manager": posted(Role.BRANCH_MANAGER, branch),
            "compliance": posted(Role.COMPLIANCE, head_office),
            "second": posted(Role.COMPLIANCE, head_office),
        }

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(self.people[who])
        return client


@pytest.fixture
def street(committed) -> Street:
    with transaction.atomic():
        return Street()


def path(member: Member, what: str) -> str:
    return f"/console/members/member/{member.pk}/{what}"


def say(client: Client, member: Member, what: str, **said: str):
    return client.post(path(member, f"status/{what}/"), {"id": uuid.uuid4(), **said})


def shown(client: Client, member: Member, tab: str = "status") -> str:
    return client.get(path(member, f"?tab={tab}")).content.decode()


def status_of(member: Member) -> str:
    return Member.objects.get(pk=member.pk).status


def decide(request: Request, user: User) -> None:
    deciding.approve(request_id=request.pk, seen_hash=request.payload_hash, actor=Actor(user=user), at=clock.now())


def test_a_manager_suspends_and_two_lift_it(street):
    manager, compliance = street.client("manager"), street.client("compliance")
    done = say(manager, street.near, "suspend", reason="takeover", note="phone stolen")
    page = shown(manager, street.near)

    asked = say(manager, street.near, "reinstate", reason="cleared", note="he was here")
    request = Request.objects.get()
    words = compliance.get(asked["Location"]).content.decode()
    before = status_of(street.near)
    with transaction.atomic():
        decide(request, street.people["second"])

    assert (done.status_code, before, status_of(street.near)) == (302, "suspended", "active")
    assert "phone stolen" in page and "Ask to reinstate" in page
    assert f"Reinstate member {street.near.number}" in words and "phone stolen" in words
    assert [change.to_state for change in StatusChange.objects.order_by("id")] == ["suspended", "active"]


def test_who_asked_cannot_decide(street):
    compliance = street.people["compliance"]
    client = street.client("compliance")
    say(client, street.near, "suspend", reason="fraud")
    say(client, street.near, "reinstate", reason="mistake")

    with pytest.raises(deciding.OwnRequest), transaction.atomic():
        decide(Request.objects.get(), compliance)

    assert status_of(street.near) == "suspended"


def test_a_teller_wakes_who_stands_before_him_and_does_no_more(street):
    Member.objects.filter(pk=street.near.pk).update(status="dormant")
    teller = street.client("teller")
    page = shown(teller, street.near)

    refused = [say(teller, street.near, what, reason="fraud").status_code for what in ("suspend", "close", "reinstate")]
    woken = say(teller, street.near, "wake")

    assert "Wake the membership" in page and "Suspend the membership" not in page
    assert (refused, woken.status_code, status_of(street.near)) == ([403] * 3, 302, "active")
    assert StatusChange.objects.get().reason == "counter"


def test_another_branch_s_member_is_not_there_and_an_illegal_move_is_said(street):
    manager = street.client("manager")

    assert say(manager, street.far, "suspend", reason="fraud").status_code == 404
    assert say(manager, street.near, "else").status_code == 404
    assert "be done." in say(manager, street.near, "reinstate", reason="cleared").content.decode()
    unfit = say(manager, street.near, "close", reason="visit")
    assert unfit.status_code == 200
    assert not StatusChange.objects.exists()


def test_a_manager_closes_and_the_page_offers_nothing_more(street):
    manager = street.client("manager")

    say(manager, street.near, "close", reason="deceased")

    assert status_of(street.near) == "closed"
    page = shown(manager, street.near)
    assert "Suspend the membership" not in page and "Close the membership" not in page
    street.near.user.refresh_from_db()
    assert not street.near.user.is_active


def test_who_cools_off_is_released_with_a_reason(street):
    manager = street.client("manager")
    with transaction.atomic():
        Member.objects.filter(pk=street.near.pk).update(cools_off_until=clock.now())
    page = shown(manager, street.near)

    silent = say(manager, street.near, "release", reason=" ")
    still = Member.objects.get(pk=street.near.pk).cools_off_until
    say(manager, street.near, "release", reason="he was here with his card")

    assert "Release after the change of contact" in page
    assert (silent.status_code, still is not None) == (200, True)
    assert Member.objects.get(pk=street.near.pk).cools_off_until is None


def test_the_loaded_are_invited_by_branch_and_one_again(street):
    manager = street.client("manager")
    page = manager.get("/console/members/invitations/").content.decode()

    sent = manager.post("/console/members/invitations/", {"id": uuid.uuid4()}, follow=True).content.decode()
    again = say(manager, street.loaded, "invite").content.decode()

    assert "1 member was loaded and has not been invited yet." in page
    assert "1 member invited." in sent
    assert "The last invitation is not a week old." in again
    assert Obligation.objects.count() == 1
    assert street.client("teller").get("/console/members/invitations/").status_code == 403


@pytest.mark.parametrize("state", ["invited", "active", "dormant", "suspended", "closed"])
def test_the_list_keeps_a_state(street, state):
    with transaction.atomic():
        branch = street.near.branch
        expected = {
            "invited": street.loaded,
            "active": street.near,
            "dormant": MemberFactory(branch=branch, status="dormant"),
            "suspended": MemberFactory(branch=branch, status="suspended"),
            "closed": MemberFactory(branch=branch, status="closed", closed_on=clock.today()),
        }
    page = street.client("manager").get(f"/console/members/member/?status={state}").content.decode()

    assert [member for member in expected.values() if member.number in page] == [expected[state]]
