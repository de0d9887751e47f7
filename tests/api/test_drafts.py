"""Drafts of rule books over the API: begun, saved under If-Match, asked for by the console's own verbs; rubbish is refused."""

import datetime
import uuid

import pytest
from django.test import Client

from foundation.access.models import Branch, Role
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.jobs.models import BusinessDate
from tests.api.conftest import bearing, system
from tests.factories import (
    FIRST_BUSINESS_DATE,
    BankFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    StaffFactory,
    StaffPostingFactory,
)
from tiers import rehearsing
from tiers.models import Draft

URL = "/api/v1/rule-books/drafts"
RULES = {
    "conditions": [
        {"tier": tier, "metric": "tenure", "enter": months} for tier, months in (("silver", 6), ("gold", 600))
    ]
}


@pytest.fixture(autouse=True)
def history(db):
    """One member, one closed date, a main programme whose version 1 asks for nothing."""
    BankFactory()
    BusinessDate.objects.update(status="closed")
    BusinessDate.objects.create(date=FIRST_BUSINESS_DATE + datetime.timedelta(days=1))
    RuleBookFactory(programme=ProgrammeFactory(), in_force_from=datetime.date(2020, 1, 1))
    MemberFactory()


@pytest.fixture
def office():
    """The head office."""
    return Branch.objects.filter(parent=None).order_by("path")[0]


def staff(role: Role, office) -> Client:
    client = Client()
    client.force_login(StaffPostingFactory(user=StaffFactory(), branch=office, role=role).user)
    return client


def post(client: Client, body: dict, url: str = URL, **headers):
    return client.post(url, body, content_type="application/json", headers=headers)


def patch(client: Client, url: str, body: dict, **headers):
    return client.patch(url, body, content_type="application/json", headers=headers)


def begun(client: Client, **more):
    answer = post(client, {"name": "longer", "rules": RULES} | more)
    assert answer.status_code == 201
    return answer


def test_a_draft_is_begun_saved_and_read(office):
    manager = staff(Role.PROGRAMME_MANAGER, office)

    answer = begun(manager)
    url = answer["Location"]
    saved = patch(manager, url, {"name": "shorter"}, if_match=answer["ETag"])
    other = patch(manager, url, {"rules": {"calendar": "month_end"}}, if_match=saved["ETag"])

    draft = Draft.objects.get()
    assert (url, answer.json()["rules"]) == (f"{URL}/drf_{draft.pk}", RULES)
    assert [one.status_code for one in (saved, other)] == [200, 200]
    assert (draft.name, draft.document) == ("shorter", {"calendar": "month_end"})
    read = staff(Role.COMPLIANCE, office).get(url)
    assert read.json() == other.json() and read["ETag"] == other["ETag"] != answer["ETag"]
    assert read.json()["digest"] == draft.digest
    assert [one["id"] for one in manager.get(URL).json()["data"]] == [f"drf_{draft.pk}"]
    assert sorted(AuditEvent.objects.values_list("verb", flat=True)) == ["tiers.begin_draft"] + ["tiers.save_draft"] * 2


def test_a_draft_begins_from_a_version(office):
    answer = post(staff(Role.PROGRAMME_MANAGER, office), {"name": "as it is", "ruleBook": 1})

    assert (answer.status_code, answer.json()["basedOn"]) == (201, 1)
    assert Draft.objects.get().based_on.number == 1


def test_who_has_not_read_the_draft_as_it_is_saves_nothing(office):
    manager = staff(Role.PROGRAMME_MANAGER, office)
    answer = begun(manager)
    url = answer["Location"]
    patch(manager, url, {"rules": {"calendar": "month_end"}}, if_match=answer["ETag"])
    change = {"name": "lost"}

    answers = [patch(manager, url, change), patch(manager, url, change, if_match=answer["ETag"])]
    told = [(one.status_code, one.json()["code"]) for one in answers]

    assert told == [(428, "precondition_required"), (412, "draft_changed")]
    assert Draft.objects.get().name == "longer"
    assert patch(manager, url, change, if_match="*").status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"rules": RULES}, "invalid"),
        ({"name": " ", "rules": RULES}, "invalid"),
        ({"name": "a", "programme": "nobody's"}, "unknown_programme"),
        ({"name": "a", "ruleBook": 9}, "unknown_rule_book"),
        ({"name": "a", "ruleBook": 1, "rules": RULES}, "two_sets_of_rules"),
        ({"name": "a", "rules": {"conditions": 7}}, "malformed_rules"),
        ({"name": "a", "rules": {"conditions": [7]}}, "malformed_rules"),
        ({"name": "a", "rules": {"conditions": [{"tier": {"a": 1}}]}}, "malformed_rules"),
        ({"name": "a", "rules": {"multipliers": [1]}}, "malformed_rules"),
        ({"name": "a", "rules": {"calendar": "\u0000"}}, "malformed_rules"),
        ({"name": "a", "rules": {"calendar": "m" * 201}}, "malformed_rules"),
        ({"name": "a", "rules": {"grace": ["1 month"]}}, "malformed_rules"),
        ({"name": "a", "rules": {"validity_months": 10**30}}, "malformed_rules"),
        ({"name": "a", "rules": {"conditions": [{}] * 401}}, "too_many_conditions"),
    ],
)
def test_what_is_no_draft_is_refused_and_nothing_is_kept(office, body, code):
    answer = post(staff(Role.PROGRAMME_MANAGER, office), body)

    told = answer.json()
    assert (answer.status_code in (400, 422), told["code"] if code != "invalid" else code) == (True, code)
    assert not Draft.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_draft_is_asked_for_when_it_was_rehearsed_and_once(office):
    manager = staff(Role.PROGRAMME_MANAGER, office)
    answer = begun(manager)
    url, seen = f"{answer['Location']}/propose", answer["ETag"]
    body = {"id": f"{uuid.uuid4()}", "inForceFrom": "2099-01-01", "reason": "fairer"}

    before = post(manager, body, url, if_match=seen)
    assert (before.status_code, before.json()["code"]) == (422, "not_rehearsed")
    assert not Request.objects.exists()
    assert post(manager, {"draft": RULES, "months": 1}, "/api/v1/rehearsals").status_code == 202
    rehearsal = Draft.objects.get().programme.rehearsals.get()
    while rehearsing.do_next(rehearsal=rehearsal, plan=rehearsing.plan_of(rehearsal)):
        pass
    rehearsing.finish(rehearsal_id=rehearsal.pk, at=clock.now())
    answers = [post(manager, body, url, if_match=seen) for _ in range(2)]

    assert [(one.status_code, one.json().get("code")) for one in answers] == [(201, None)] * 2
    made = Request.objects.get()
    assert [(one.status_code, one.json()["id"]) for one in answers] == [(201, f"{made.pk}")] * 2
    assert (made.kind, made.payload["in_force_from"], made.reason) == ("tiers.rule_book", "2099-01-01", "fairer")
    assert manager.get(answer["Location"]).json()["rehearsal"] == f"reh_{rehearsal.pk}"
    changed = patch(manager, answer["Location"], {"name": "late"}, if_match=seen)
    assert (changed.status_code, changed.json()["code"]) == (409, "draft_asked")


def test_who_may_not_propose_reads_at_most(office):
    url = begun(staff(Role.PROGRAMME_MANAGER, office))["Location"]
    compliance, teller = staff(Role.COMPLIANCE, office), staff(Role.TELLER, office)

    assert [client.get(url).status_code for client in (compliance, teller, Client())] == [200, 403, 401]
    assert post(compliance, {"name": "mine"}).status_code == 403
    assert patch(compliance, url, {"name": "mine"}, if_match="*").status_code == 403
    assert compliance.get(f"{URL}/drf_{2**62}").status_code == 404
    assert bearing(system("members:read")).get(URL).status_code == 403
    assert Draft.objects.get().name == "longer"
