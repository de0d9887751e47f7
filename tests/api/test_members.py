"""Systems and staff read members: masked, in keyset pages, and nobody outside their branches."""

import pytest
from django.test import Client

from members.models import Member
from tests.factories import BranchFactory, MemberFactory, StaffPostingFactory


def test_pages_follow_each_other_without_gap_or_repeat(reader):
    MemberFactory.create_batch(4)

    seen, cursor = [], ""
    while cursor is not None:
        answer = reader.get("/api/v1/members", {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [member["number"] for member in answer["data"]]
        cursor = answer["nextCursor"]
        assert answer["hasMore"] is (cursor is not None)

    assert seen == list(Member.objects.order_by("pk").values_list("number", flat=True))


def test_a_page_takes_two_statements_beside_the_tokens(reader, django_assert_max_num_queries):
    MemberFactory.create_batch(30)

    with django_assert_max_num_queries(4):
        assert len(reader.get("/api/v1/members", {"limit": 100}).json()["data"]) == 31


def test_filters_narrow_and_refuse_what_they_do_not_know(reader):
    branch = BranchFactory(code="B-other")
    MemberFactory(branch=branch, number="M-other")

    assert [member["number"] for member in reader.get("/api/v1/members?branch=B-other").json()["data"]] == ["M-other"]
    refused = reader.get("/api/v1/members?status=frozen&joinedFrom=soon")
    assert refused.status_code == 400
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/status", "/joinedFrom"}


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "eyJhIjoxfQ", "WzFlNDAwXQ"])
def test_a_cursor_that_we_never_gave_is_refused(reader, cursor):
    answer = reader.get("/api/v1/members", {"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unreadable")


@pytest.mark.parametrize(("limit", "rows"), [("0", 1), ("-5", 1), ("1000000000", 31), ("x", 20)])
def test_a_page_is_never_larger_than_100(reader, limit, rows):
    MemberFactory.create_batch(30)

    assert len(reader.get("/api/v1/members", {"limit": limit}).json()["data"]) == rows


def test_staff_see_their_own_branches_and_no_other(bank):
    mine, other = BranchFactory(), BranchFactory()
    visible, hidden = MemberFactory(branch=mine), MemberFactory(branch=other)
    teller = StaffPostingFactory(branch=mine).user
    client = Client()
    client.force_login(teller)

    assert [member["number"] for member in client.get("/api/v1/members").json()["data"]] == [visible.number]
    assert client.get(f"/api/v1/members/mem_{visible.pk}").status_code == 200
    assert client.get(f"/api/v1/members/mem_{hidden.pk}").status_code == 404


@pytest.mark.parametrize("member_id", ["mem_0", "mem_99999999999999999999", "mem_9223372036854775808", "1", "mem_x"])
def test_an_id_that_names_nobody_is_not_found(reader, member_id):
    answer = reader.get(f"/api/v1/members/{member_id}")

    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        404,
        "application/problem+json",
        "not_found",
    )


def test_a_token_that_may_only_report_reads_nobody(reporter):
    assert reporter.get("/api/v1/members").status_code == 403
