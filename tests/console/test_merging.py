"""Two records of one person at the counter: found, compared, asked for; the old number leads on; who lives together is written down."""

import uuid

import pytest
from django.db import transaction
from django.test import Client

from foundation.access.models import Role
from foundation.approvals.models import Request
from foundation.jobs import clock
from members.models import HouseholdMembership, Member, Merge, SetApart
from members.sealing import PersonalData, seal_person
from tests.api.conftest import bearing, earn, system
from tests.console.conftest import posted
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory
from tests.merging.cast import merge, undo

WANG = PersonalData(full_name="王小雨", phone="13800000001", national_id="11010519491231002X")


class Street:
    """A branch with two records of Wang, and Harbour with a third; clients of the first's teller and manager, and of Harbour's teller."""

    def __init__(self) -> None:
        BankFactory(business_date=clock.today())
        PointCurrencyFactory()
        head_office = BranchFactory(code="000")
        branch, harbour = BranchFactory(code="101", parent=head_office), BranchFactory(code="201", parent=head_office)
        self.kept = MemberFactory(number="A-KEPT", branch=branch)
        self.gone = MemberFactory(number="B-GONE", branch=branch)
        self.far = MemberFactory(number="C-FAR", branch=harbour)
        for member in (self.kept, self.gone, self.far):
            seal_person(member.pk, WANG).save()
            earn(member, 100)
        self.teller = self.client(posted(Role.TELLER, branch))
        self.manager = self.client(posted(Role.BRANCH_MANAGER, branch))
        self.stranger = self.client(posted(Role.TELLER, harbour))

    @staticmethod
    def client(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def compared(self) -> str:
        return f"/console/members/doubles/{self.kept.pk}/{self.gone.pk}/"


@pytest.fixture
def street(committed) -> Street:
    with transaction.atomic():
        return Street()


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_from_the_list_to_the_decision(street):
    found = page(street.teller, "/console/members/doubles/")
    assert "A-KEPT" in found
    assert "C-FAR" not in found
    assert street.compared() in found
    shown = page(street.teller, street.compared())
    assert "王*" in shown
    assert "王小雨" not in shown
    assert "100 available" in shown

    answer = street.teller.post(street.compared(), {"id": uuid.uuid4(), "reason": "one person"})

    request = Request.objects.get()
    assert answer.status_code == 302
    decided = street.manager.post(
        f"/console/approvals/request/{request.pk}/approve/", {"seen": request.payload_hash, "comment": ""}, follow=True
    )
    assert decided.status_code == 200
    street.gone.refresh_from_db()
    assert street.gone.merged_into == street.kept
    assert "by merge" in page(street.teller, f"/console/members/member/{street.kept.pk}/?tab=points")
    assert "moved from B-GONE by merge" in page(street.teller, "/console/ledger/?member=A-KEPT")
    assert "moved to A-KEPT by merge" in page(street.teller, "/console/ledger/?member=B-GONE")


def test_the_old_number_leads_to_the_record_that_stays(street):
    with transaction.atomic():
        merge(street.kept, street.gone)

    answer = street.teller.post("/console/search/", {"text": "B-GONE"}, follow=True)

    assert answer.redirect_chain[-1][0] == f"/console/members/member/{street.kept.pk}/"
    assert "B-GONE was merged into this record." in answer.content.decode()
    assert "Merged into this record: B-GONE." in answer.content.decode()
    gone = page(street.teller, f"/console/members/member/{street.gone.pk}/")
    assert "This record was merged into A-KEPT" in gone
    undoing = f"/console/members/merges/{Merge.objects.get().pk}/undo/"
    assert undoing in gone
    assert street.teller.post(undoing, {"id": uuid.uuid4(), "reason": "two persons"}).status_code == 302
    assert Request.objects.get().kind == "members.undo_merge"


def test_an_undone_merge_explains_both_ways(street):
    with transaction.atomic():
        merge(street.kept, street.gone)
        undo(street.gone)

    assert "moved back from A-KEPT" in page(street.teller, "/console/ledger/?member=B-GONE")
    assert "moved back to B-GONE" in page(street.teller, "/console/ledger/?member=A-KEPT")


def test_the_api_says_where_a_merged_record_went(street):
    with transaction.atomic():
        merge(street.kept, street.gone)

    answer = bearing(system("members:read")).get(f"/api/v1/members/mem_{street.gone.pk}")

    assert (answer.status_code, answer.json()["code"]) == (410, "record_merged")
    assert f"mem_{street.kept.pk}" in answer.json()["detail"]


def test_a_pair_set_apart_is_gone_from_the_list(street):
    answer = street.teller.post(f"{street.compared()}apart/", {"apart_reason": "twins"})

    assert answer.status_code == 302
    assert SetApart.objects.count() == 1
    assert "A-KEPT" not in page(street.teller, "/console/members/doubles/")
    assert street.teller.post(f"{street.compared()}apart/", {"apart_reason": ""}).status_code == 200


def test_another_branch_finds_and_compares_nothing(street):
    assert "A-KEPT" not in page(street.stranger, "/console/members/doubles/")
    for path in (
        street.compared(),
        f"{street.compared()}apart/",
        f"/console/members/doubles/{street.far.pk}/{street.kept.pk}/",
    ):
        assert street.stranger.post(path, {"id": uuid.uuid4(), "reason": "mine"}).status_code == 404
    assert not Request.objects.exists()


def test_a_record_is_chosen_by_its_number(street):
    choose = f"/console/members/member/{street.gone.pk}/merge/"

    assert street.teller.post(choose, {"number": "A-KEPT"})["Location"] == street.compared()
    for number in ("C-FAR", "B-GONE", "nobody"):
        assert (
            "No other member you may see has this number."
            in street.teller.post(choose, {"number": number}).content.decode()
        )


def test_a_refusal_stands_in_the_form(street):
    with transaction.atomic():
        Member.objects.filter(pk=street.gone.pk).update(status="closed", closed_on=clock.today())

    answer = street.teller.post(street.compared(), {"id": uuid.uuid4(), "reason": "one person"})

    assert "Only open memberships can be merged" in answer.content.decode()
    assert not Request.objects.exists()


def test_who_lives_together_is_written_down_and_shown(street):
    home = f"/console/members/member/{street.kept.pk}/household/"
    shown = page(street.teller, home)
    assert "B-GONE" in shown
    assert "C-FAR" not in shown

    assert street.teller.post(home, {"number": "B-GONE", "reason": "same door"}).status_code == 302

    assert HouseholdMembership.objects.open().count() == 2
    assert "B-GONE" in page(street.teller, home)
    assert street.teller.post(f"{home}leave/", {"out_reason": "moved"}).status_code == 302
    assert HouseholdMembership.objects.open().get().member == street.gone
    assert (
        "No other member you may see" in street.teller.post(home, {"number": "C-FAR", "reason": "x"}).content.decode()
    )
    assert "in no household" in street.teller.post(f"{home}leave/", {"out_reason": "moved"}).content.decode()
    assert street.stranger.get(home).status_code == 404
