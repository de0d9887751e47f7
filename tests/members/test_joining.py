"""Joining: begin, verify, accept; who is known is told himself, and nobody else learns it."""

import datetime
import re

import pytest
from django.db import IntegrityError, connection, transaction

from foundation.access.models import User
from foundation.access.posting import PasswordRefused
from foundation.audit.models import AuditEvent
from foundation.outbox.models import Obligation
from members import accepting, consents, details, enrolling, finding, joining, verifying
from members.consents import Choice
from members.models import Consent, Enrolment, Member, OneTimeCode, Person
from members.reports import MemberReport
from members.sealing import open_person
from tests.members.cast import (
    LI,
    NOON,
    STRANGER,
    TODAY,
    YES,
    accept,
    begin,
    code_of,
    figures,
    known,
    open_bank,
    other,
    sent,
    statements,
    verified,
)

pytestmark = pytest.mark.django_db
DOCUMENT = "11010519491231002X"


@pytest.fixture(autouse=True)
def bank():
    open_bank()


def load(**fields: object) -> Member:
    """Load a member by file, as the core bank does."""
    report = {"number": "88000001", "branch_code": "000", "joined_on": datetime.date(2020, 1, 1)}
    report |= {"full_name": LI.full_name, "phone": LI.phone} | fields
    assert enrolling.enrol([MemberReport(**report)], at=NOON, actor=STRANGER) == ["enrolled"]
    return Member.objects.get(number=report["number"])


def test_details_code_consents_member(monkeypatch):
    enrolment = begin()
    [message] = sent(monkeypatch=monkeypatch)
    code_id, _secret = code_of(enrolment)
    given = re.search(r"\d{6}", message.text)[0]

    state = joining.verify(code_id=code_id, given=given, at=NOON, actor=STRANGER).state
    member = accept(enrolment)

    enrolment.refresh_from_db()
    assert (message.to, state, enrolment.state) == (LI.phone, "verified", "active")
    assert enrolment.reference in message.text
    assert (member.state, member.accepted_at, member.joined_on, member.language) == ("active", NOON, TODAY, "zh-hans")
    assert re.fullmatch(r"N\d{10}", member.number)
    assert open_person(member.person).birth_date == LI.birth_date
    assert list(finding.find("李小雨", visible=Member.objects.all())) == [member]
    assert set(Consent.objects.values_list("text__purpose", "given", "channel")) == {
        ("terms", True, "portal"),
        ("privacy", True, "portal"),
    }
    assert (member.user.username, member.user.has_usable_password(), member.user.is_staff) == (
        member.number,
        False,
        False,
    )
    [welcome] = sent(monkeypatch=monkeypatch)
    assert (welcome.to, member.number in welcome.text) == (LI.phone, True)


def test_nothing_of_a_person_is_left_in_an_enrolment_that_ended():
    enrolment = verified()
    accept(enrolment)

    enrolment.refresh_from_db()
    assert (enrolment.wrapped_key, bytes(enrolment.sealed), enrolment.masked_name) == (None, b"", "")
    assert joining.data_of(enrolment).full_name == ""


def test_rows_owed_and_recorded_hold_no_personal_data():
    accept(verified())

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, '') FROM (SELECT * FROM audit_auditevent) e")
        [trail] = cursor.fetchone()
        cursor.execute("SELECT string_agg(o::text, '') FROM outbox_obligation o")
        [owed] = cursor.fetchone()
    for secret in (LI.full_name, LI.phone, "1990-05-01"):
        assert secret not in trail + owed


def test_optional_consents_are_written_as_they_were_said():
    member = accept(verified(), choices=[*YES, Choice(purpose="marketing", version=1, given=True)])

    assert consents.allows(member_id=member.pk, purpose="marketing", on=TODAY)


@pytest.mark.parametrize(
    ("choices", "refusal"),
    [
        ([], accepting.ConsentNeeded),
        (YES[:1], accepting.ConsentNeeded),
        ([YES[0], Choice(purpose="privacy", version=1, given=False)], accepting.ConsentNeeded),
        ([YES[0], Choice(purpose="privacy", version=9, given=True)], consents.TextOutdated),
        ([*YES, Choice(purpose="else", version=1, given=True)], consents.NoSuchPurpose),
    ],
)
def test_nobody_joins_without_agreeing_to_what_it_rests_on(choices, refusal):
    enrolment = verified()
    before = figures()

    with pytest.raises(refusal), transaction.atomic():
        accept(enrolment, choices=choices)

    assert figures() == before
    assert not Consent.objects.exists()
    assert Enrolment.objects.get().state == "verified"


def test_nobody_joins_whose_code_has_not_come_back():
    enrolment = begin()

    with pytest.raises(joining.ContactNotVerified):
        accept(enrolment)

    assert not Member.objects.exists()


def test_a_weak_password_is_refused_and_nothing_is_made():
    enrolment = verified()

    with pytest.raises(PasswordRefused), transaction.atomic():
        accept(enrolment, password="12345")
    member = accept(enrolment, password="correct-horse-battery")

    assert member.user.check_password("correct-horse-battery")
    assert User.objects.count() == 1


def test_the_same_acceptance_again_answers_the_same_member():
    enrolment = verified()

    assert accept(enrolment) == accept(enrolment)
    assert Member.objects.count() == 1


def test_who_is_a_member_is_told_himself_and_the_code_is_nobodys(monkeypatch):
    li = known()
    enrolment = begin(other(full_name="Somebody Else"))
    [message] = sent(monkeypatch=monkeypatch)
    code_id, secret = code_of(enrolment)

    assert "already" in message.text
    assert (message.to, secret in message.text) == (LI.phone, False)
    assert joining.verify(code_id=code_id, given=secret, at=NOON, actor=STRANGER) is None
    assert Enrolment.objects.get().state == "started"
    assert li.user.username not in message.text


def test_who_is_known_by_his_document_is_told_at_the_phone_the_bank_knows(monkeypatch):
    known(other(phone="10077770000", national_id=DOCUMENT))

    begin(other(birth_date=None, national_id=DOCUMENT.lower()))

    [message] = sent(monkeypatch=monkeypatch)
    assert message.to == "10077770000"


def test_for_somebody_known_all_is_the_same_from_outside():
    known(other(phone="10077770000"))

    assert statements(lambda: begin(LI)) == statements(lambda: begin(other(phone="10077770000")))


def test_an_invited_member_is_taken_over_with_what_the_bank_knows():
    li = load(email="li@example.com", birth_date=datetime.date(1990, 5, 1))

    member = accept(verified())

    assert member == li
    assert (li.state, member.state, member.joined_on) == ("invited", "active", datetime.date(2020, 1, 1))
    assert open_person(member.person).email == "li@example.com"
    assert (Member.objects.count(), Person.objects.count(), member.user.username) == (1, 1, "88000001")


@pytest.mark.parametrize(
    ("loaded", "given"),
    [
        ({"full_name": "王大山"}, {}),
        ({"national_id": "H12345678"}, {"national_id": DOCUMENT, "birth_date": None}),
        ({"phone": "10077770000", "national_id": DOCUMENT}, {"national_id": DOCUMENT, "birth_date": None}),
    ],
)
def test_who_is_like_an_invited_member_but_not_he_is_sent_to_the_branch(loaded, given):
    load(**loaded)
    enrolment = verified(other(**given))

    with pytest.raises(accepting.IdentityUnclear):
        accept(enrolment)

    assert not Member.objects.joined().exists()


def test_names_that_differ_only_in_how_they_are_written_are_one():
    load(full_name="José Ámbar", number="88000009")

    member = accept(verified(other(full_name="Jose\u0301 A\u0301mbar")))

    assert member.number == "88000009"


def test_begun_at_the_portal_and_finished_in_the_app_by_the_reference(monkeypatch):
    enrolment = begin(secret="the portal's")
    sent(monkeypatch=monkeypatch)
    code = joining.resume(reference=enrolment.reference.lower().replace("-", " "), at=NOON, actor=STRANGER)
    [message] = sent(monkeypatch=monkeypatch)
    given = re.search(r"\d{6}", message.text)[0]

    found = joining.verify(code_id=code.pk, given=given, secret="the app's", at=NOON, actor=STRANGER)
    accept(found, channel="app")

    enrolment.refresh_from_db()
    assert message.to == LI.phone
    assert (enrolment.begun_on, enrolment.finished_on, enrolment.state) == ("portal", "app", "active")
    assert bytes(enrolment.secret_digest) == joining.digest_of("the app's")


def test_a_reference_that_never_was_is_answered_alike_and_sends_nothing(monkeypatch):
    code = joining.resume(reference="ABCD-2345", at=NOON, actor=STRANGER)

    assert sent(monkeypatch=monkeypatch) == []
    assert joining.verify(code_id=code.pk, given=verifying.secret_of(code), at=NOON, actor=STRANGER) is None


def test_a_link_by_mail_verifies_the_mail_address(monkeypatch):
    enrolment = begin(other(phone="", email="Li@Example.com"), via="mail", form="link")
    [message] = sent(monkeypatch=monkeypatch)
    code_id, secret = code_of(enrolment)

    assert (message.via, message.to) == ("mail", "Li@Example.com")
    assert f"/join/link/{code_id}/{secret}" in message.text
    assert joining.verify(code_id=code_id, given=secret, at=NOON, actor=STRANGER).state == "verified"
    assert accept(enrolment).person.email_hash is not None


def test_a_week_later_the_enrolment_is_over_and_what_was_typed_destroyed():
    enrolment = verified()
    over = NOON + joining.LASTS

    with pytest.raises(joining.EnrolmentNotOpen):
        accept(enrolment, at=over)
    assert (joining.forget(at=over - datetime.timedelta(seconds=1)), joining.forget(at=over)) == (0, 1)

    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.wrapped_key, Member.objects.count()) == ("lapsed", None, 0)
    with pytest.raises(joining.EnrolmentNotOpen):
        joining.send_again(enrolment_id=enrolment.pk, at=over, actor=STRANGER)


def test_details_at_fault_leave_nothing():
    before = figures()

    with pytest.raises(details.DetailsRefused) as refused:
        begin(other(phone="12"))
    with pytest.raises(details.DetailsRefused) as no_mail:
        begin(via="mail")

    assert (refused.value.field, no_mail.value.field) == ("phone", "email")
    assert figures() == before


def test_a_person_who_enrols_leaves_two_events():
    member = accept(verified())

    assert list(AuditEvent.objects.order_by("at", "verb").values_list("verb", flat=True)) == [
        "accepting.accept",
        "consents.choose",
        "joining.begin",
    ]
    assert AuditEvent.objects.get(verb="accepting.accept").subject_id == str(member.pk)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'active'", "active_enrolment_has_its_member"),
        ("state = 'verified', verified_at = NULL", "enrolment_verified_by_its_code"),
        ("state = 'lapsed', ended_at = started_at", "ended_enrolment_holds_nobody"),
        ("wrapped_key = NULL", "ended_enrolment_holds_nobody"),
        ("state = 'else'", "ended_enrolment_holds_nobody"),
    ],
)
def test_the_database_itself_refuses(change, constraint):
    begin()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE members_enrolment SET {change}")


def test_what_is_owed_is_owed_to_nobody_yet():
    begin()

    assert Obligation.objects.get().member_id == 0
    assert OneTimeCode.objects.get().member is None
