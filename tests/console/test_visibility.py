"""Who sees whom: a posting opens its branch's subtree, and what lies outside does not exist."""

import datetime

import pytest
from django.test import Client

from foundation.access import visibility
from foundation.access.models import Role, StaffPosting
from members.models import Member
from tests.console.conftest import House, posted
from tests.factories import StaffFactory, StaffPostingFactory, UserFactory

LIST = "/console/members/member/"
TODAY = datetime.date(2026, 3, 2)


def test_a_teller_sees_the_members_under_his_branch_and_no_other(house: House, teller: Client) -> None:
    listed = teller.get(LIST).content.decode()

    assert ("A-NEAR-1" in listed, "A-FAR-2" in listed) == (True, False)
    assert teller.get(f"{LIST}{house.near.pk}/").status_code == 200
    assert teller.get(f"{LIST}{house.far.pk}/").status_code == 404


def test_a_filter_or_a_cursor_opens_no_other_branch(house: House, teller: Client) -> None:
    filtered = teller.get(LIST, {"branch": house.harbour.path}).content.decode()

    assert "A-FAR-2" not in filtered
    assert f'value="{house.harbour.path}"' not in filtered
    assert teller.get(LIST, {"after": house.far.pk}).status_code == 404


def test_the_search_goes_straight_to_a_member_of_his_and_finds_no_other(house: House, teller: Client) -> None:
    own = teller.post("/console/search/", {"text": "A-NEAR-1"})
    other = teller.post("/console/search/", {"text": "A-FAR-2"}).content.decode()

    assert own["Location"] == f"{LIST}{house.near.pk}/"
    assert "Nobody found in your branches." in other
    assert "李*" not in other


def test_the_home_counts_only_his_branches(house: House, teller: Client, compliance: Client) -> None:
    own, bank = teller.get("/console/").context, compliance.get("/console/").context

    assert (own["figures"]["active"], own["of_bank"]) == (1, False)
    assert (bank["figures"]["active"], bank["of_bank"]) == (2, True)


def test_a_manager_of_a_branch_sums_up_his_branch_and_reads_its_postings(house: House, client: Client) -> None:
    posted(Role.TELLER, house.harbour)
    client.force_login(posted(Role.PROGRAMME_MANAGER, house.pudong))
    compliance = Client()
    compliance.force_login(posted(Role.COMPLIANCE, house.pudong))

    figures = client.get("/console/").context["figures"]
    listed = compliance.get("/console/access/staffposting/").context["cl"].result_list

    assert figures["active"] == 1
    assert {posting.branch for posting in listed} == {house.pudong}


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.TELLER, {"A-NEAR-1", "A-FAR-2"}),
        (Role.COMPLIANCE, {"A-NEAR-1", "A-FAR-2"}),
        (Role.PROGRAMME_MANAGER, set()),
        (Role.IT, set()),
    ],
)
def test_a_role_without_need_sees_no_single_member(house: House, role: Role, seen: set[str]) -> None:
    user = posted(role, house.head_office)

    members = Member.objects.visible_to(user, on=TODAY)

    assert {member.number for member in members} == seen


def test_a_posting_holds_from_its_first_day_until_the_day_before_its_end(house: House) -> None:
    user = StaffFactory()
    StaffPostingFactory(user=user, branch=house.pudong, starts_on=datetime.date(2026, 3, 1), ends_on=TODAY)

    seen = [Member.objects.visible_to(user, on=TODAY + datetime.timedelta(days=days)).count() for days in (-2, -1, 0)]

    assert seen == [0, 1, 0]


def test_two_postings_open_two_subtrees_and_the_outer_one_swallows_the_inner(house: House) -> None:
    user = posted(Role.TELLER, house.harbour)
    for branch in (house.lujiazui, house.pudong):
        StaffPostingFactory(user=user, branch=branch)

    paths = visibility.paths(user, permission=visibility.SEE_MEMBERS, on=TODAY)

    assert paths == [house.pudong.path, house.harbour.path]


def test_a_branch_whose_id_begins_alike_is_another_branch(house: House) -> None:
    user = posted(Role.TELLER, house.pudong)
    StaffPosting.objects.filter(user=user).update(branch=house.lujiazui)
    house.harbour.path = f"{house.lujiazui.path.removesuffix('/')}9/"
    house.harbour.save()

    assert [member.number for member in Member.objects.visible_to(user, on=TODAY)] == ["A-NEAR-1"]


@pytest.mark.parametrize("kind", ["stranger", "member", "staff without a posting"])
def test_the_console_is_shut_to_everybody_else(house: House, client: Client, kind: str) -> None:
    if kind == "member":
        house.near.user = UserFactory()
        house.near.save()
        client.force_login(house.near.user)
    elif kind != "stranger":
        client.force_login(StaffFactory())

    answer = client.get(LIST, follow=True)

    if kind == "stranger":
        assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=/console/members/member/")
    else:
        assert answer.status_code == 403
