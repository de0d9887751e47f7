"""One-time codes: right once, five tries, ten minutes, few an hour; and nothing tells who is known."""

import datetime
import re

import pytest
from django.db import IntegrityError, connection, transaction

from foundation.outbox.models import Obligation
from members import verifying
from members.models import Member, OneTimeCode
from tests.members.cast import LI, NOON, STRANGER, known, open_bank, other, sent, statements

pytestmark = pytest.mark.django_db
SIGN_IN = ["sign_in"]


@pytest.fixture
def li() -> Member:
    open_bank()
    return known()


def ask(phone: str = LI.phone, *, at: datetime.datetime = NOON) -> OneTimeCode:
    return verifying.send_for_signing_in(to_kind="phone", to=phone, at=at, actor=STRANGER)


def use(code: OneTimeCode, given: str, *, at: datetime.datetime = NOON, purposes: list[str] = SIGN_IN):
    return verifying.use(code_id=code.pk, given=given, purposes=purposes, at=at, actor=STRANGER)


def minutes(count: float) -> datetime.datetime:
    return NOON + datetime.timedelta(minutes=count)


def wrong(code: OneTimeCode) -> str:
    return f"{(int(verifying.secret_of(code)) + 1) % 10**6:06}"


def test_a_code_is_sent_to_the_members_own_phone_and_is_right_once(li, monkeypatch):
    code = ask()
    [message] = sent(monkeypatch=monkeypatch)
    secret = re.search(r"\d{6}", message.text)[0]

    assert (message.via, message.to) == ("sms", LI.phone)
    assert use(code, secret).member == li
    assert use(code, secret) is None


def test_a_code_is_read_as_it_was_heard(li):
    code = ask()
    secret = verifying.secret_of(code)

    assert (
        use(code, f" {secret[:3]} {secret[3:]} ".translate(str.maketrans("0123456789", "０１２３４５６７８９"))).member
        == li
    )


def test_five_tries_and_no_more(li):
    code = ask()

    tried = [use(code, wrong(code)) for _try in range(5)]

    assert tried == [None] * 5
    assert use(code, verifying.secret_of(code)) is None
    code.refresh_from_db()
    assert (code.attempts, code.used_at) == (5, None)


def test_ten_minutes_and_no_longer(li):
    code = ask()

    assert use(code, verifying.secret_of(code), at=minutes(10)) is None
    assert use(code, verifying.secret_of(code), at=minutes(9.9)).member == li


def test_a_new_code_ends_the_one_before(li):
    before = ask()
    after = ask(at=minutes(1))

    assert use(before, verifying.secret_of(before), at=minutes(2)) is None
    assert use(after, verifying.secret_of(after), at=minutes(2)).member == li


def test_a_code_for_one_thing_is_none_for_another(li):
    code = ask()

    assert use(code, verifying.secret_of(code), purposes=["enrol", "resume"]) is None
    assert use(code, verifying.secret_of(code)).member == li


def test_nothing_that_is_kept_tells_the_code_or_the_phone(li):
    code = ask()

    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text || o::text FROM members_onetimecode c, outbox_obligation o")
        [[text]] = cursor.fetchall()
    assert verifying.secret_of(code) not in text
    assert LI.phone not in text


def test_for_a_stranger_all_is_the_same_but_nothing_is_sent(li, monkeypatch):
    known_one, unknown = statements(ask), statements(lambda: ask("10099990000"))

    assert unknown == known_one
    assert len(sent(monkeypatch=monkeypatch)) == 1
    decoy = OneTimeCode.objects.get(member=None)
    assert use(decoy, verifying.secret_of(decoy)) is None


@pytest.mark.parametrize("phone", [LI.phone, "10099990000"])
def test_codes_are_limited_whoever_asks(li, phone):
    ask(phone)
    with pytest.raises(verifying.TooManyCodes) as soon:
        ask(phone, at=minutes(0.5))
    for place in range(1, 5):
        ask(phone, at=minutes(2 * place))
    with pytest.raises(verifying.TooManyCodes) as fifth:
        ask(phone, at=minutes(20))
    for place in range(5):
        ask(phone, at=minutes(120 + 2 * place))
    with pytest.raises(verifying.TooManyCodes) as tenth:
        ask(phone, at=minutes(300))

    waits = [caught.value.retry_after_seconds for caught in (soon, fifth, tenth)]
    assert waits == [30, 40 * 60, (24 - 5) * 3600]
    assert OneTimeCode.objects.count() == 10


def test_one_address_of_the_net_asks_for_thirty_an_hour(li):
    for number in range(30):
        ask(f"100{number:08}")

    with pytest.raises(verifying.TooManyCodes):
        ask("10099999999", at=minutes(59))
    ask("10099999999", at=minutes(60))

    assert OneTimeCode.objects.count() == 31


def test_two_members_with_one_phone_are_sent_nothing(li, monkeypatch):
    known(other(full_name="李大雨"))

    ask()

    assert sent(monkeypatch=monkeypatch) == []


def test_who_has_not_joined_or_has_left_is_sent_nothing(li, monkeypatch):
    Member.objects.filter(pk=li.pk).update(accepted_at=None)
    ask()
    Member.objects.filter(pk=li.pk).update(accepted_at=NOON, status="closed", closed_on=NOON.date())
    ask(at=minutes(2))

    assert sent(monkeypatch=monkeypatch) == []
    assert Obligation.objects.count() == 2


def test_a_code_that_is_over_before_it_could_be_sent_is_not_sent(li, monkeypatch):
    ask()

    assert sent(minutes(11), monkeypatch=monkeypatch) == []


def test_old_codes_are_forgotten(li):
    ask()

    assert verifying.forget(at=NOON + datetime.timedelta(days=30)) == 0
    assert verifying.forget(at=NOON + datetime.timedelta(days=31)) == 1


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("attempts = 6", "code_tried_five_times_at_most"),
        ("purpose = 'else'", "code_purpose_known"),
        ("expires_at = sent_at", "code_expires_after_it_is_sent"),
        ("used_at = sent_at, replaced_at = sent_at", "code_used_or_replaced"),
    ],
)
def test_the_database_itself_refuses(li, change, constraint):
    ask()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE members_onetimecode SET {change}")
