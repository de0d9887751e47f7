"""Rehearsals over the API: started by who may, followed, read; bad rules are refused with their sentence and nothing is written."""

import datetime

import pytest
from django.test import Client

from foundation.access.models import Role
from foundation.jobs import clock
from foundation.jobs.models import BusinessDate
from tests.api.conftest import bearing, system
from tests.factories import (
    FIRST_BUSINESS_DATE,
    BankFactory,
    BranchFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    StaffFactory,
    StaffPostingFactory,
)
from tiers import rehearsing
from tiers.models import Rehearsal

URL = "/api/v1/rehearsals"
DRAFT = {
    "conditions": [
        {"tier": tier, "metric": "tenure", "enter": months} for tier, months in (("silver", 6), ("gold", 600))
    ]
}


@pytest.fixture(autouse=True)
def history(db):
    """One member of two years, one closed date, a main programme whose rule book asks for nothing."""
    BankFactory()
    BusinessDate.objects.update(status="closed")
    BusinessDate.objects.create(date=FIRST_BUSINESS_DATE + datetime.timedelta(days=1))
    RuleBookFactory(programme=ProgrammeFactory(), in_force_from=datetime.date(2020, 1, 1))
    MemberFactory()


def staff(role: Role) -> Client:
    client = Client()
    client.force_login(StaffPostingFactory(user=StaffFactory(), branch=BranchFactory(), role=role).user)
    return client


def post(client: Client, body: dict):
    return client.post(URL, body, content_type="application/json")


def test_a_draft_is_rehearsed_and_read():
    manager = staff(Role.PROGRAMME_MANAGER)

    answer = post(manager, {"draft": DRAFT, "months": 2})

    rehearsal = Rehearsal.objects.get()
    started = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"{URL}/reh_{rehearsal.pk}")
    assert (started["status"], started["rangesDone"], started["ranges"], started["result"]) == ("running", 0, 1, None)
    assert (started["digest"], started["ruleBook"], started["members"]) == (rehearsal.digest, None, 1)
    assert started["expectedSeconds"] >= 1
    while rehearsing.do_next(rehearsal=rehearsal, plan=rehearsing.plan_of(rehearsal)):
        pass
    rehearsing.finish(rehearsal_id=rehearsal.pk, at=clock.now())

    told = staff(Role.COMPLIANCE).get(answer["Location"]).json()
    assert (told["status"], told["rangesDone"]) == ("done", 1)
    assert told["result"]["matrix"]["standard"] == {"standard": 0, "silver": 1, "gold": 0}
    page = manager.get(URL).json()
    assert [one["id"] for one in page["data"]] == [f"reh_{rehearsal.pk}"] and page["hasMore"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"draft": {"conditions": []}}, "invalid_rule_book"),
        ({"draft": DRAFT | {"calendar": "weekly"}}, "invalid_rule_book"),
        ({"draft": {"rubbish": [1, None, {"a": "\u0000"}]}}, "invalid_rule_book"),
        ({"draft": DRAFT, "ruleBook": "1"}, "two_sets_of_rules"),
        ({"ruleBook": "7"}, "unknown_rule_book"),
        ({"ruleBook": "999999999"}, "unknown_rule_book"),
        ({"programme": "other"}, "unknown_programme"),
        ({"programme": "a\u0000"}, "invalid"),
        ({"months": 0}, "invalid"),
        ({"months": 121}, "invalid"),
        ({"ruleBook": "draft"}, "invalid"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_and_nothing_is_written(body, code):
    answer = post(staff(Role.PROGRAMME_MANAGER), body)

    assert (answer.status_code, answer.json()["code"]) == (400 if code == "invalid" else 422, code)
    assert Rehearsal.objects.count() == 0


def test_a_bank_that_has_closed_nothing_has_nothing_to_rehearse():
    BusinessDate.objects.filter(status="closed").delete()

    answer = post(staff(Role.PROGRAMME_MANAGER), {})

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_closed")


@pytest.mark.parametrize("who", [lambda: staff(Role.TELLER), lambda: bearing(system("members:read")), Client])
def test_who_may_not_neither_starts_nor_reads(who):
    client = who()

    answers = [post(client, {"draft": DRAFT}), client.get(URL), client.get(f"{URL}/reh_1")]

    assert {answer.status_code for answer in answers} <= {401, 403}
    assert post(staff(Role.COMPLIANCE), {"draft": DRAFT}).status_code == 403
    assert Rehearsal.objects.count() == 0


def test_what_is_not_there_is_not_found():
    manager = staff(Role.PROGRAMME_MANAGER)

    assert [manager.get(f"{URL}/{name}").status_code for name in ("reh_99", "reh_9999999999999999999", "99")] == [
        404
    ] * 3
