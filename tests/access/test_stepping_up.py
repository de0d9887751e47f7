"""Stepping up: what asks for a fresh proof, by which ways one gives it, and what cools off meanwhile (G08)."""

import datetime
import json
import uuid
from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

from foundation.access import stepping_up
from foundation.access.models import Role, User
from foundation.access.signing_in import KEPT
from foundation.approvals.models import Decision
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.jobs.models import Bank
from members import families, verifying
from members.models import Member, OneTimeCode
from members.sealing import PersonalData, seal_person
from points.models import Purse
from tests.access.conftest import SYSTEM, Estate
from tests.api.conftest import earn
from tests.console.conftest import House, posted
from tests.factories import BankFactory, MemberFactory, PointCurrencyFactory, UserFactory
from tests.signing_in import code_for, sign_in

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
HOUR = 3600
CONFIRM = "/security/confirm/"
USE = "/points/points/use"


@pytest.fixture(autouse=True)
def strict(settings) -> None:
    """Ask as production does."""
    settings.NEW_DEVICE_HOURS = settings.SPENDING_RESTS_HOURS = 24
    settings.STAFF_PROOF_MINUTES = 15


def session(*, known: int = 100 * HOUR, proved: int | None = None, factor: int | None = None) -> dict:
    """Return what a session keeps whose device was seen first `known` seconds ago, proved and shown a factor so long ago."""
    now = int(AT.timestamp())
    kept = {"device_since": now - known, "proved": now - proved if proved is not None else 0}
    return {KEPT: kept | {"factor": now - factor if factor is not None else 0}}


class TestTheRule:
    def asked(self, for_what: str, session: dict | None, *, secured: int | None = None) -> bool:
        user = User(secured_at=AT - datetime.timedelta(seconds=secured) if secured is not None else None)
        return stepping_up.required(user=user, session=session, for_what=for_what, at=AT)

    @pytest.mark.parametrize(
        ("known", "proved", "secured", "expected"),
        [
            (24 * HOUR, None, None, False),
            (24 * HOUR - 1, None, None, True),
            (0, 599, None, False),
            (0, 600, None, True),
            (100 * HOUR, None, 24 * HOUR, False),
            (100 * HOUR, None, 24 * HOUR - 1, True),
            (100 * HOUR, 599, 0, False),
        ],
    )
    def test_spending(self, known: int, proved: int | None, secured: int | None, expected: bool) -> None:
        assert self.asked(stepping_up.SPEND, session(known=known, proved=proved), secured=secured) is expected

    @pytest.mark.parametrize("for_what", [stepping_up.CONTACT, stepping_up.EXPORT])
    def test_contact_and_export_always_ask(self, for_what: str) -> None:
        assert self.asked(for_what, session())
        assert not self.asked(for_what, session(proved=0))

    @pytest.mark.parametrize("for_what", stepping_up.OF_STAFF)
    def test_staff_show_a_factor_and_nothing_else_counts(self, for_what: str) -> None:
        assert self.asked(for_what, session(proved=0))
        assert self.asked(for_what, session(factor=900))
        assert not self.asked(for_what, session(factor=899))

    def test_a_session_that_nobody_kept_is_a_new_device(self) -> None:
        assert self.asked(stepping_up.SPEND, {})

    def test_a_proof_of_the_future_is_none(self) -> None:
        assert self.asked(stepping_up.SPEND, session(known=0, proved=-3600))

    def test_an_app_s_token_asks_only_after_a_change(self) -> None:
        assert not self.asked(stepping_up.SPEND, None)
        assert self.asked(stepping_up.SPEND, None, secured=10)

    def test_while_it_rests_little_may_be_spent(self) -> None:
        user = User(secured_at=AT)
        proved = {"user": user, "session": session(proved=0), "for_what": stepping_up.SPEND, "at": AT}

        stepping_up.refuse(**proved, points=1000)
        with pytest.raises(stepping_up.ChangedLately):
            stepping_up.refuse(**proved, points=1001)
        stepping_up.refuse(**proved | {"at": AT + datetime.timedelta(hours=24), "session": None}, points=1001)


@pytest.fixture
def mei(committed) -> Member:
    """A member with 5,000 points and a phone."""
    with transaction.atomic():
        BankFactory(business_date=clock.today())
        PointCurrencyFactory()
        member = MemberFactory(user=UserFactory(username="mei"))
        seal_person(member.pk, PersonalData(full_name="梅", phone="13800000042")).save()
        earn(member, 5000)
    return member


@pytest.fixture
def client(mei: Member) -> Client:
    """A browser that she signed in with for the first time, by password."""
    client = Client()
    assert sign_in(client, "mei").status_code == 302
    return client


def available() -> int:
    return Purse.objects.get().available


def used(client: Client, points: int = 80):
    return client.post(USE, {"points": points, "key": f"{uuid.uuid4()}", "confirmed": "1"})


def redeemed(client: Client, points: int = 80):
    return client.post(
        "/api/v1/redemptions",
        json.dumps({"points": points}),
        content_type="application/json",
        headers={"idempotency-key": f"{uuid.uuid4()}"},
    )


def confirm(client: Client) -> str:
    """Ask for the code and give it; return the code."""
    client.post(CONFIRM, {"send": "1", "next": USE})
    code = verifying.secret_of(OneTimeCode.objects.latest("sent_at"))
    answer = client.post(CONFIRM, {"code": code, "next": USE})
    assert answer["Location"] == USE
    return code


def test_a_new_device_asks_before_points_are_used_and_a_code_opens_it(client: Client) -> None:
    before = (client.get(USE)["Location"], used(client)["Location"], available())

    confirm(client)
    done = used(client)

    assert before == ("/security/confirm/?next=%2Fpoints%2Fpoints%2Fuse",) * 2 + (5000,)
    assert done["Location"] == "/points/points/2"
    assert available() == 4920


def test_the_api_says_where_to_confirm_and_takes_nothing(client: Client) -> None:
    refused = redeemed(client)
    nothing = available()
    confirm(client)
    done = redeemed(client)

    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    assert "http://127.0.0.1:8000/security/confirm/" in refused.json()["title"]
    assert nothing == 5000
    assert done.status_code == 201


def test_a_transfer_asks_too(client: Client, mei: Member) -> None:
    with transaction.atomic():
        Bank.objects.update(family_pool=True)
        other = MemberFactory(number="M-OTHER")
        families.invite(member_id=mei.pk, number=other.number, at=clock.now(), actor=SYSTEM)
        place = families.FamilyMembership.objects.get(number="M-OTHER")
        families.accept(member_id=other.pk, membership_id=place.pk, at=clock.now(), actor=SYSTEM)
    form = {"points": "5", "currency": "points", "key": f"{uuid.uuid4()}"}

    refused = client.post(f"/family/{place.pk}/give", form)
    nothing = available()
    confirm(client)
    done = client.post(f"/family/{place.pk}/give", form)

    assert refused["Location"] == "/security/confirm/?next=%2Ffamily"
    assert nothing == 5000
    assert done["Location"] == "/family?done=given"


def test_a_code_confirms_once_and_another_session_not_at_all(client: Client) -> None:
    """A replay, and a code of another purpose."""
    thief = Client()
    sign_in(thief, "mei")
    code = confirm(client)

    replayed = thief.post(CONFIRM, {"code": code, "next": USE})
    again = client.post(CONFIRM, {"code": code, "next": USE})

    assert "This code is not right" in replayed.content.decode() and "This code is not right" in again.content.decode()
    assert thief.get(USE).status_code == 302


def test_a_sign_in_by_code_is_a_proof_itself(mei: Member) -> None:
    client = Client()
    client.post("/accounts/code/", {"contact": "13800000042"})
    client.post("/accounts/code/enter", {"code": verifying.secret_of(OneTimeCode.objects.get())})

    assert client.get(USE).status_code == 200


def test_who_has_neither_factor_nor_contact_confirms_by_the_password(mei: Member) -> None:
    mei.person.delete()
    client = Client()
    sign_in(client, "mei")

    wrong = client.post(CONFIRM, {"code": "wrong", "next": USE})
    right = client.post(CONFIRM, {"code": "correct-horse-battery", "next": USE})

    assert "not your present password" in wrong.content.decode()
    assert right["Location"] == USE
    assert client.get(USE).status_code == 200


def test_a_page_of_another_site_is_nowhere_to_go_on_to(client: Client) -> None:
    client.post(CONFIRM, {"send": "1"})
    code = verifying.secret_of(OneTimeCode.objects.get())

    assert client.post(CONFIRM, {"code": code, "next": "https://example.org/"})["Location"] == "/"


def test_after_a_change_of_password_much_can_not_be_spent(client: Client) -> None:
    confirm(client)
    client.post("/security/password/", {"current": "correct-horse-battery", "new": "another-horse-of-mine"})

    much, by_api, little = used(client, 1001), redeemed(client, 1001), used(client, 1000)

    assert much.status_code == 200 and "more than 1000 points" in much.content.decode()
    assert (by_api.status_code, by_api.json()["code"]) == (403, "changed_lately")
    assert little["Location"] == "/points/points/2"
    assert available() == 4000


@pytest.mark.parametrize("path", ["password/", "contact/", "app/", "passkeys/add/", "recovery-codes/"])
def test_what_one_signs_in_with_asks_first(client: Client, path: str) -> None:
    for answer in (client.get(f"/security/{path}"), client.post(f"/security/{path}", {"new": "x", "contact": "x"})):
        assert answer["Location"].startswith(CONFIRM)
    assert not AuditEvent.objects.filter(subject_kind="user").exists()


class TestStaff:
    """A look in clear and a decision ask for a second factor that is fresh."""

    @pytest.fixture
    def at_work(self, house: House, db) -> Callable[..., Client]:
        def signed_in(role: Role) -> Client:
            client, user = Client(), posted(role, house.head_office)
            assert sign_in(client, user.username).status_code == 302
            kept = client.session
            kept[KEPT] |= {"factor": kept[KEPT]["factor"] - 901}
            kept.save()
            client.user = user
            return client

        return signed_in

    def test_a_look_in_clear(self, at_work, house: House) -> None:
        seal_person_of(house.near)
        client = at_work(Role.COMPLIANCE)
        form = f"/console/members/member/{house.near.pk}/reveal/"

        asked = client.get(form)["Location"], client.post(form, {"reason": "He called"})["Location"]
        looked = AuditEvent.objects.filter(verb="members.reveal").count()
        shown = client.post(CONFIRM, {"code": code_for(client.user.username), "next": form})
        done = client.post(form, {"reason": "He called"})

        assert asked == (f"{CONFIRM}?next={form.replace('/', '%2F')}",) * 2
        assert looked == 0
        assert shown["Location"] == form
        assert "/reveal/" in done["Location"]

    def test_a_decision(self, at_work, estate: Estate) -> None:
        client, made = at_work(Role.FINANCE), estate.near.request
        page = f"/console/approvals/request/{made.pk}/"
        said = {"seen": made.payload_hash, "comment": "seen"}

        asked = [client.post(f"{page}{verb}/", said)["Location"] for verb in ("approve", "reject")]
        decided = Decision.objects.count()
        client.post(CONFIRM, {"code": code_for(client.user.username), "next": page})
        done = client.post(f"{page}approve/", said)

        assert [answer.partition("?")[0] for answer in asked] == [CONFIRM] * 2
        assert decided == 0
        assert done.status_code == 302
        assert Decision.objects.count() == 1


def seal_person_of(member: Member) -> None:
    member.person.delete()
    seal_person(member.pk, PersonalData(full_name="王小明", phone="13800000001")).save()
