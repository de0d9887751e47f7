"""A member's consents by the API: read with an ETag, changed under it."""

import pytest
from django.test import Client

from members.models import Consent, Member
from tests.factories import ConsentTextFactory, MemberFactory, UserFactory
from tests.members.cast import open_bank

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/me/consents"
MARKETING = {"purpose": "marketing", "version": 1, "given": True}


@pytest.fixture
def mei() -> Member:
    open_bank()
    return MemberFactory(user=UserFactory())


@pytest.fixture
def her(mei: Member) -> Client:
    client = Client()
    client.force_login(mei.user)
    return client


def patch(client: Client, *choices: object, seen: str | None = "*"):
    headers = {"if-match": seen} if seen is not None else {}
    return client.patch(ADDRESS, {"consents": list(choices)}, content_type="application/json", headers=headers)


def test_she_reads_gives_and_withdraws(her, mei):
    read = her.get(ADDRESS)
    given = patch(her, MARKETING, seen=read["ETag"])
    withdrawn = patch(her, MARKETING | {"given": False}, seen=given["ETag"])

    [terms, privacy, marketing] = read.json()["consents"]
    assert [terms["required"], privacy["required"], marketing["required"]] == [True, True, False]
    assert (marketing["given"], marketing["answeredAt"], marketing["text"]) == (False, None, "What marketing 1 says.")
    assert given.json()["consents"][2]["given"]
    assert (given.json()["consents"][2]["channel"], given.json()["consents"][2]["answeredVersion"]) == ("app", 1)
    assert not withdrawn.json()["consents"][2]["given"]
    assert len({read["ETag"], given["ETag"], withdrawn["ETag"]}) == 3
    assert her.get(ADDRESS)["ETag"] == withdrawn["ETag"]
    assert read["Cache-Control"] == "no-store"


def test_a_change_says_what_was_read(her):
    stale = her.get(ADDRESS)["ETag"]
    patch(her, MARKETING, seen=stale)

    missing = patch(her, MARKETING, seen=None)
    late = patch(her, MARKETING | {"given": False}, seen=stale)
    odd = patch(her, MARKETING | {"given": False}, seen="W/else")

    answers = [(one.status_code, one.json()["code"]) for one in (missing, late, odd)]
    assert answers == [(428, "precondition_required"), (412, "precondition_failed"), (412, "precondition_failed")]
    assert Consent.objects.count() == 1


def test_a_new_text_makes_what_was_read_stale(her):
    seen = her.get(ADDRESS)["ETag"]
    ConsentTextFactory(purpose="marketing", version=2, in_force_from="2021-01-01")

    assert patch(her, MARKETING, seen=seen).status_code == 412


@pytest.mark.parametrize(
    ("choice", "status", "code"),
    [
        ({"purpose": "terms", "version": 1, "given": False}, 409, "membership_rests_on_it"),
        ({"purpose": "else", "version": 1, "given": True}, 404, "no_such_purpose"),
        ({"purpose": "marketing", "version": 9, "given": True}, 409, "consent_text_outdated"),
        ({"purpose": "marketing", "version": 0, "given": True}, 400, "invalid"),
        ({"purpose": "marketing", "version": 1, "given": "perhaps"}, 400, "invalid"),
        ({"purpose": "marketing", "version": 10**30, "given": True}, 400, "invalid"),
        ({"given": True}, 400, "invalid"),
        ("marketing", 400, "invalid"),
    ],
)
def test_what_cannot_be_said_is_a_problem_and_writes_nothing(her, choice, status, code):
    answer = patch(her, MARKETING, choice)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Consent.objects.exists()


def test_a_stranger_and_a_member_of_staff_have_none(her):
    staff = Client()
    staff.force_login(UserFactory(is_staff=True))

    assert Client().get(ADDRESS).status_code in {401, 403}
    assert staff.get(ADDRESS).status_code == 403


def test_only_her_own_are_in_reach(her):
    other = MemberFactory()

    patch(her, MARKETING | {"member": other.pk})

    assert not Consent.objects.filter(member=other).exists()
