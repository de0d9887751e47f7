"""A member changes where he is reached: proved by a code to the new contact, told to the old one (G08)."""

import datetime
import re

import pytest
from django.test import Client

from foundation.access.models import User
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members import contacting, knowing, verifying
from members.models import ContactChange, Member, OneTimeCode, Person
from members.sealing import PersonalData, hash_of, open_person
from tests.members.cast import LI, NOON, STRANGER, TODAY, known, open_bank, other, sent
from tests.signing_in import sign_in

pytestmark = pytest.mark.django_db
NEW = "13900000077"


@pytest.fixture
def li() -> Member:
    """A member with a phone, who signs in."""
    open_bank()
    return known()


def ask(member: Member, to: str = NEW, *, kind: str = "phone", at: datetime.datetime = NOON) -> OneTimeCode:
    return contacting.ask(member=member, kind=kind, to=to, today=TODAY, at=at, actor=STRANGER)


def confirm(member: Member, code: OneTimeCode, given: str | None = None) -> bool:
    secret = verifying.secret_of(code) if given is None else given
    return contacting.confirm(member=member, code_id=code.pk, given=secret, at=NOON, actor=STRANGER)


def data_of(member: Member) -> PersonalData:
    return open_person(Person.objects.get(pk=member.pk))


def test_the_code_goes_to_the_new_phone_and_nothing_changes_yet(li: Member, monkeypatch) -> None:
    code = ask(li)
    [message] = sent(monkeypatch=monkeypatch)

    assert (message.to, re.search(r"\d{6}", message.text)[0]) == (NEW, verifying.secret_of(code))
    assert data_of(li).phone == LI.phone
    assert User.objects.get(pk=li.user_id).secured_at is None


def test_the_right_code_changes_it_and_both_are_told(li: Member, monkeypatch) -> None:
    before = data_of(li)
    code = ask(li)
    sent(monkeypatch=monkeypatch)

    changed = confirm(li, code)
    messages = sent(monkeypatch=monkeypatch)

    after = data_of(li)
    assert changed
    assert (after.phone, after.full_name, after.email) == (NEW, before.full_name, before.email)
    assert bytes(Person.objects.get(pk=li.pk).phone_hash) == hash_of("phone", NEW)
    assert Person.objects.get(pk=li.pk).masked_phone == "139****0077"
    assert sorted(message.to for message in messages) == sorted([LI.phone, NEW])
    assert all("was changed at" in message.text for message in messages)
    assert User.objects.get(pk=li.user_id).secured_at == NOON
    event = AuditEvent.objects.get(verb="contacting.confirm")
    assert (event.old, event.new) == ({"phone": contacting.masked("phone", LI.phone)}, {"phone": "139****0077"})


def test_his_file_says_since_when_the_new_contact_holds_and_from_whom(li: Member) -> None:
    confirm(li, ask(li))

    told = {one.fact.code: one for one in knowing.read(Member.objects.select_related("person", "file").get(), on=TODAY)}
    assert (told["phone"].value, told["phone"].source, told["phone"].told_on) == (NEW, "member", TODAY)


def test_a_mail_address_where_there_was_none(li: Member, monkeypatch) -> None:
    Person.objects.filter(pk=li.pk).update(email_hash=None)
    code = ask(li, "li@example.net", kind="email")

    assert confirm(li, code)
    assert data_of(li).email == "li@example.net"
    assert data_of(li).phone == LI.phone


def test_a_wrong_code_changes_nothing_and_is_counted(li: Member) -> None:
    code = ask(li)

    assert not confirm(li, code, "1")
    assert OneTimeCode.objects.get(pk=code.pk).attempts == 1
    assert data_of(li).phone == LI.phone
    assert not AuditEvent.objects.filter(verb="contacting.confirm").exists()
    assert User.objects.get(pk=li.user_id).secured_at is None


def test_the_same_code_again_and_the_older_one_change_nothing(li: Member) -> None:
    """G05: reuse, and an older code after a new one."""
    code = ask(li)
    assert confirm(li, code)
    assert not confirm(li, code)
    assert AuditEvent.objects.filter(verb="contacting.confirm").count() == 1
    older, newer = (ask(li, "13900000088", at=NOON + datetime.timedelta(minutes=minute)) for minute in (2, 4))
    assert not confirm(li, older)
    assert OneTimeCode.objects.get(pk=newer.pk).used_at is None


def test_a_code_of_another_purpose_or_of_another_member_is_none(li: Member) -> None:
    stranger = known(other(phone="10088880002"))
    code = ask(li)
    signing_in = verifying.send_for_signing_in(
        to_kind="phone", to=LI.phone, at=NOON + datetime.timedelta(minutes=2), actor=STRANGER
    )

    assert not confirm(stranger, code)
    assert not confirm(li, signing_in)
    assert OneTimeCode.objects.get(pk=code.pk).attempts == 0
    assert data_of(li).phone == LI.phone


@pytest.mark.parametrize("to", ["123", "", "x" * 200, "１２", "<script>", "\0"])
def test_what_is_no_contact_is_refused_at_its_field(li: Member, to: str) -> None:
    for kind in ("phone", "email"):
        with pytest.raises(contacting.ContactRefused) as refused:
            ask(li, to, kind=kind) if to else ask(li, "!", kind=kind)
        assert refused.value.field == "contact"
    assert not ContactChange.objects.exists() and not Obligation.objects.exists()


def test_the_same_contact_is_refused(li: Member) -> None:
    with pytest.raises(contacting.SameContact):
        ask(li, LI.phone)
    assert not OneTimeCode.objects.exists()


def test_the_new_contact_lies_sealed_and_goes_with_its_code(li: Member) -> None:
    code = ask(li)

    assert NEW.encode() not in bytes(ContactChange.objects.get().sealed)
    verifying.forget(at=code.sent_at + datetime.timedelta(days=31))
    assert not ContactChange.objects.exists()


def test_it_is_done_on_two_pages(li: Member, client: Client) -> None:
    li.user.set_password("correct-horse-battery")
    li.user.save()
    sign_in(client, li.user.username)

    bad = client.post("/security/contact/", {"contact": "12"})
    asked = client.post("/security/contact/", {"contact": NEW})
    wrong = client.post("/security/contact/code/", {"code": "1"})
    right = client.post(
        "/security/contact/code/", {"code": verifying.secret_of(OneTimeCode.objects.get(purpose="contact"))}
    )

    assert "no mobile number" in bad.content.decode()
    assert asked["Location"] == "/security/contact/code/"
    assert "This code is not right" in wrong.content.decode()
    assert right["Location"] == "/security/?done=contact"
    assert data_of(li).phone == NEW
    assert clock.now() > User.objects.get(pk=li.user_id).secured_at
