"""A change of a posting: asked for by the branch, decided on by compliance, done once; nobody posts himself."""

import pytest
from django.test import Client

from foundation import transactions
from foundation.access import limits, roles
from foundation.access.models import Role, StaffPosting, User
from foundation.access.wording import WORDS
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.refusals import Refusal
from tests.api.conftest import system
from tests.console.conftest import House, posted
from tests.factories import StaffFactory, UserFactory

ASK = "/console/access/staffposting/ask/"


@pytest.fixture
def lin(house: House) -> User:
    """One of the staff, without a posting yet."""
    return StaffFactory(username="lin")


@pytest.fixture
def mo(house: House) -> User:
    """The branch manager of Pudong."""
    return posted(Role.BRANCH_MANAGER, house.pudong)


@pytest.fixture
def hua(house: House) -> User:
    """The compliance officer of head office."""
    return posted(Role.COMPLIANCE, house.head_office)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(house: House, **changed: object) -> dict[str, object]:
    return {
        "username": "lin", "branch": house.lujiazui.pk, "role": Role.TELLER, "starts_on": "2026-03-02", "ends_on": "",
        "reason": "New at the counter", **changed,
    }  # fmt: skip


def approve(user: User) -> deciding.Decision:
    made = Request.objects.get()
    return transactions.commit(
        deciding.approve, request_id=made.pk, seen_hash=made.payload_hash, actor=Actor(user=user), at=clock.now()
    )


def test_what_the_branch_asks_for_compliance_approves_and_it_holds(
    house: House, lin: User, mo: User, hua: User
) -> None:
    asked = signed_in(mo).post(ASK, form(house))
    before = StaffPosting.objects.filter(user=lin).exists()

    page = signed_in(hua).get(asked["Location"]).content.decode()
    decision = approve(hua)

    assert (asked.status_code, before) == (302, False)
    assert "Give a posting" in page
    held = StaffPosting.objects.get(user=lin)
    assert (held.branch, held.role, f"{held.starts_on}") == (house.lujiazui, Role.TELLER, "2026-03-02")
    assert decision.result["new"]["branch"] == house.lujiazui.code
    assert AuditEvent.objects.get(verb="approvals.approve").new["result"]["posting"] == held.pk


def test_a_posting_is_ended_the_same_way(house: House, lin: User, mo: User, hua: User) -> None:
    held = StaffPosting.objects.create(user=lin, branch=house.lujiazui, role=Role.TELLER, starts_on="2026-01-01")
    page = f"/console/access/staffposting/{held.pk}/"
    shown = signed_in(mo).get(page).content.decode()

    asked = signed_in(mo).post(f"{page}ask-to-end/", {"ends_on": "2026-04-01", "reason": "He moves away"})
    approve(hua)

    held.refresh_from_db()
    assert (asked.status_code, f"{held.ends_on}") == (302, "2026-04-01")
    assert f"{page}ask-to-end/" in shown
    assert AuditEvent.objects.get(verb="approvals.approve").new["result"]["old"]["ends_on"] == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"username": "nobody"},
        {"username": "member"},
        {"branch": "harbour"},
        {"role": "superuser"},
        {"ends_on": "2026-03-02"},
        {"reason": ""},
    ],
)
def test_what_can_t_be_is_refused_at_its_field(house: House, lin: User, mo: User, changed: dict) -> None:
    UserFactory(username="member")
    if changed.get("branch"):
        changed = {"branch": house.harbour.pk}

    answer = signed_in(mo).post(ASK, form(house, **changed))

    assert (answer.status_code, list(answer.context["form"].errors)) == (200, list(changed))
    assert not Request.objects.exists()


def test_nobody_decides_on_a_posting_of_his_own_by_any_account(house: House, hua: User, mo: User) -> None:
    signed_in(mo).post(ASK, form(house, username=hua.username, role=Role.FINANCE))

    second = StaffFactory(employee_number=hua.employee_number.lower())
    StaffPosting.objects.create(user=second, branch=house.head_office, role=Role.COMPLIANCE, starts_on="2026-01-01")
    for user in (hua, second):
        with pytest.raises(Refusal) as refused:
            approve(user)
        assert refused.value.code == "own_account"
    assert not StaffPosting.objects.filter(role=Role.FINANCE).exists()


def test_the_branch_manager_decides_on_none_and_is_flagged_for_himself(house: House, lin: User, mo: User) -> None:
    signed_in(mo).post(ASK, form(house, username=mo.username))

    assert Request.objects.get().own_account
    with pytest.raises(Refusal) as refused:
        approve(posted(Role.BRANCH_MANAGER, house.head_office))
    assert refused.value.code == "may_not_decide"


def test_what_changed_meanwhile_makes_it_stale(house: House, lin: User, mo: User, hua: User) -> None:
    signed_in(mo).post(ASK, form(house))
    StaffPosting.objects.create(user=lin, branch=house.harbour, role=Role.IT, starts_on="2026-01-01")

    with pytest.raises(Refusal) as refused:
        approve(hua)

    assert refused.value.code == "stale"
    assert StaffPosting.objects.filter(user=lin).count() == 1


def test_the_page_shows_every_role_limit_and_system(house: House, hua: User) -> None:
    system("members:read")

    text = signed_in(hua).get("/console/access/").content.decode()

    assert all(str(role.label).capitalize()[:6].lower() in text.lower() for role in Role)
    assert "members:read" in text
    assert "50,000" in text
    assert "secret" not in text


def test_every_permission_has_its_words_and_its_role() -> None:
    given = set().union(*roles.PERMISSIONS.values())

    assert set(WORDS) == given
    assert set(roles.PERMISSIONS) == set(Role)
    assert set(Role.values) >= {role for table in limits.LIMITS.values() for role in table}
    changing = {"redeem", "decide_", "request_", "change_", "assign_", "reveal_"}
    assert not [one for one in roles.PERMISSIONS[Role.AUDITOR] if any(part in one for part in changing)]
    personal = {"members.view_member", "members.reveal_person"}
    for role in (Role.ANALYST, Role.MARKETING, Role.IT, Role.FINANCE, Role.PARTNER):
        assert not personal & roles.PERMISSIONS[role]
