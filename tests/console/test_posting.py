"""Posting staff in the console: by a superuser alone, refused in words, and on the trail."""

import datetime

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from foundation import transactions
from foundation.access import posting
from foundation.access.models import Role, StaffPosting, User
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from tests.console.conftest import House, posted
from tests.factories import StaffFactory, UserFactory

FORM = "/console/access/staffposting/post/"
DAY = datetime.date(2026, 3, 2)


@pytest.fixture
def root(house: House) -> Client:
    """The superuser who sets the house up."""
    client = Client()
    client.force_login(StaffFactory(is_superuser=True, username="root"))
    return client


def answers(house: House, **changed: object) -> dict[str, object]:
    """Return a form that posts a new teller, Lin, to Lujiazui."""
    return {
        "username": "lin", "full_name": "Lin Xia", "employee_number": "E777", "password": "a-long-first-password",
        "branch": house.lujiazui.pk, "role": Role.TELLER, "starts_on": "2020-01-01", "ends_on": "", **changed,
    }  # fmt: skip


def test_nobody_but_a_superuser_posts_staff(house: House, compliance: Client) -> None:
    assert compliance.get(FORM).status_code == 403
    assert compliance.post(FORM, answers(house)).status_code == 403
    assert "Post staff" not in compliance.get("/console/access/staffposting/").content.decode()
    assert not User.objects.filter(username="lin").exists()


def test_a_posting_by_the_verbs_opens_the_branch_and_ends_it(house: House) -> None:
    user, actor, at = (
        StaffFactory(username="lin"),
        Actor.job("test"),
        datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC),
    )

    made = posting.post(
        user=user, branch=house.lujiazui, role=Role.TELLER, starts_on=DAY, ends_on=None, actor=actor, at=at
    )
    posting.end(posting=made, ends_on=DAY + datetime.timedelta(days=5), actor=actor, at=at)

    assert [StaffPosting.objects.on(DAY + datetime.timedelta(days=n)).filter(user=user).count() for n in (-1, 0, 4, 5)] == [
        0, 1, 1, 0,
    ]  # fmt: skip
    trail = AuditEvent.objects.filter(subject_kind="posting", subject_id=str(made.pk)).order_by("verb")
    assert [(event.verb, event.new["ends_on"]) for event in trail] == [
        ("access.end_posting", "2026-03-07"),
        ("access.post", ""),
    ]


def test_the_same_role_twice_on_a_day_is_refused_and_changes_nothing(house: House) -> None:
    user = posted(Role.TELLER, house.pudong)

    with pytest.raises(posting.AlreadyPosted):
        posting.post(
            user=user, branch=house.pudong, role=Role.TELLER, starts_on=DAY, ends_on=None,
            actor=Actor.job("test"), at=datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC),
        )  # fmt: skip

    assert StaffPosting.objects.filter(user=user).count() == 1
    assert not AuditEvent.objects.exists()


def test_a_verb_outside_a_transaction_is_a_bug(committed: str) -> None:
    with pytest.raises(RuntimeError, match="must stand in a transaction"):
        posting.end(posting=StaffPosting(), ends_on=DAY, actor=Actor.job("test"), at=None)


def test_a_superuser_employs_and_posts_by_the_form_and_the_new_teller_gets_in(committed: str) -> None:
    from tests.factories import BankFactory, BranchFactory

    BankFactory()
    branch = BranchFactory(code="101")
    client = Client()
    client.force_login(StaffFactory(is_superuser=True))
    form = {
        "username": "lin", "full_name": "Lin Xia", "employee_number": "E777", "password": "a-long-first-password",
        "branch": branch.pk, "role": "teller", "starts_on": "2020-01-01", "ends_on": "",
    }  # fmt: skip

    weak = client.post(FORM, form | {"password": "1234"}).context["form"].errors
    backwards = client.post(FORM, form | {"ends_on": "2019-01-01"}).context["form"].errors
    nobody_yet = User.objects.filter(username="lin").exists()
    done = client.post(FORM, form)
    newcomer = Client()

    assert list(weak) == ["password"]
    assert backwards == {"ends_on": ["The end must lie after the start; it is the first day without the posting."]}
    assert nobody_yet is False
    assert done["Location"] == "/console/access/staffposting/"
    assert newcomer.login(username="lin", password="a-long-first-password")
    assert newcomer.get("/console/members/member/")["Location"].startswith("/security/begin/")
    TOTP.activate(User.objects.get(username="lin"), generate_totp_secret())
    assert newcomer.get("/console/members/member/").status_code == 200
    assert sorted(AuditEvent.objects.values_list("verb", flat=True)) == ["access.employ", "access.post"]


def test_a_member_is_never_posted(committed: str) -> None:
    UserFactory(username="mei")

    with pytest.raises(posting.NotStaff):
        transactions.commit(
            posting.employ,
            username="mei",
            full_name="",
            employee_number="",
            password="",
            actor=Actor.job("test"),
            at=None,
        )
