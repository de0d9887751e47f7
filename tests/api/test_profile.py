"""A member's file by the API: read with an ETag, corrected under it; and facts as the core bank's system reports them."""

import pytest
from django.test import Client

from members.files import FactChange
from members.models import Member
from members.sealing import PersonalData, seal_person
from tests.api.conftest import bearing, system
from tests.factories import MemberFactory, UserFactory
from tests.members.cast import open_bank

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/me/profile"


@pytest.fixture
def mei() -> Member:
    open_bank()
    member = MemberFactory(number="M00000001", user=UserFactory())
    seal_person(member.pk, PersonalData(full_name="梅雨", phone="10088880001")).save()
    return member


@pytest.fixture
def her(mei: Member) -> Client:
    client = Client()
    client.force_login(mei.user)
    return client


def patch(client: Client, seen: str | None = "*", **facts: str | None):
    headers = {"if-match": seen} if seen is not None else {}
    body = {"facts": [{"code": code, "value": value} for code, value in facts.items()]}
    return client.patch(ADDRESS, body, content_type="application/json", headers=headers)


def fact(answer, code: str) -> dict:
    [found] = [one for one in answer.json()["facts"] if one["code"] == code]
    return found


def test_she_reads_and_corrects(her: Client) -> None:
    read = her.get(ADDRESS)
    given = patch(her, read["ETag"], post="Manager", preferred_channel="sms")
    taken = patch(her, given["ETag"], post=None)

    assert fact(read, "full_name") | {"label": ""} == {
        "code": "full_name", "label": "", "value": "梅雨", "words": "梅雨", "source": None, "toldOn": None, "purpose": "privacy",
        "stale": False, "withheld": False, "yours": False,
    }  # fmt: skip
    assert (fact(given, "post")["value"], fact(given, "post")["source"]) == ("Manager", "member")
    assert fact(given, "preferred_channel")["words"] == "text message"
    assert fact(taken, "post")["value"] is None
    assert her.get(ADDRESS)["ETag"] == taken["ETag"]
    assert len({read["ETag"], given["ETag"], taken["ETag"]}) == 3
    assert read["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("seen", "facts", "status", "code"),
    [
        (None, {"post": "x"}, 428, "precondition_required"),
        ('"' + "0" * 32 + '"', {"post": "x"}, 412, "file_changed"),
        ("*", {"shoe_size": "42"}, 422, "unknown_fact"),
        ("*", {"education": "none"}, 422, "invalid_fact"),
        ("*", {"education": "master"}, 409, "fact_needs_consent"),
        ("*", {"full_name": "王小明"}, 409, "kept_by_the_branch"),
        ("*", {"post": "Clerk", "phone": "10088880002"}, 409, "kept_by_the_branch"),
        ("*", {"post": "x" * 500}, 400, "invalid"),
        ("*", {}, 400, "invalid"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(her: Client, seen, facts, status, code) -> None:
    before = her.get(ADDRESS)["ETag"]

    answer = patch(her, seen, **facts)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert her.get(ADDRESS)["ETag"] == before
    assert FactChange.objects.count() == 0


def test_a_system_reports_facts_each_with_its_result(mei: Member) -> None:
    core = system("facts:write")
    facts = [
        {"member": "M00000001", "fact": "employer", "value": "Dockyard", "toldOn": "2026-03-01"},
        {"member": "M00000001", "fact": "education", "value": "master"},
        {"member": "nobody", "fact": "employer", "value": "Dockyard"},
        {"member": "M00000001", "fact": "shoe_size", "value": "42"},
    ]

    answer = bearing(core).post("/api/v1/facts:batch", {"facts": facts}, content_type="application/json")
    refused = bearing(system("members:read")).post(
        "/api/v1/facts:batch", {"facts": facts}, content_type="application/json"
    )
    malformed = bearing(core).post(
        "/api/v1/facts:batch", {"facts": [{"member": "M1"}]}, content_type="application/json"
    )

    assert [(one["outcome"], one["code"]) for one in answer.json()["results"]] == [
        ("recorded", None), ("refused", "no_consent"), ("refused", "unknown_member"), ("refused", "unknown_fact"),
    ]  # fmt: skip
    assert refused.status_code == 403
    assert malformed.status_code == 400
