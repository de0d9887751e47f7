"""A code is used once and tried five times, and a person joins once, whoever comes at once; beside the naive twins that fail."""

import threading

from foundation import transactions
from members import accepting, verifying
from members.models import Enrolment, Member, OneTimeCode
from tests.members.cast import LI, NOON, STRANGER, TODAY, YES, begin, known, open_bank
from tests.races.test_night import at_once

AT_ONCE = 6


def ask():
    open_bank()
    known()
    sent = {"to_kind": "phone", "to": LI.phone, "at": NOON, "actor": STRANGER}
    return transactions.commit(verifying.send_for_signing_in, **sent)


def use(code, given):
    tried = {"code_id": code.pk, "given": given, "purposes": ["sign_in"], "at": NOON, "actor": STRANGER}
    return transactions.commit(verifying.use, **tried) is not None


def test_one_code_brought_by_six_at_once_lets_one_in(committed):
    """G05: a code is right once."""
    code = ask()
    secret = verifying.secret_of(code)

    let_in = at_once(*[lambda: use(code, secret)] * AT_ONCE)

    assert sorted(let_in) == [False] * (AT_ONCE - 1) + [True]


def test_one_code_brought_by_two_naively_lets_both_in(committed):
    """Both read that it is right and unused, and both go in."""
    code = ask()
    together = threading.Barrier(2)

    def read_then_use():
        found = OneTimeCode.objects.get(pk=code.pk)
        right = bytes(found.digest) == verifying.digest_of(code.pk, verifying.secret_of(code)) and found.used_at is None
        together.wait(timeout=30)
        OneTimeCode.objects.filter(pk=code.pk).update(used_at=NOON)
        return right

    assert at_once(read_then_use, read_then_use) == [True, True]


def test_guesses_at_once_are_all_counted(committed):
    """G05: twelve at once have five tries between them."""
    code = ask()
    right = verifying.secret_of(code)
    wrong = f"{(int(right) + 1) % 10**6:06}"

    at_once(*[lambda: use(code, wrong)] * AT_ONCE)
    at_once(*[lambda: use(code, wrong)] * AT_ONCE)

    assert OneTimeCode.objects.get().attempts == 5
    assert not use(code, right)


def test_guesses_at_once_naively_are_counted_once(committed):
    """Each reads that it was never tried, and writes that it was tried once."""
    code = ask()
    together = threading.Barrier(2)

    def read_then_count():
        tries = OneTimeCode.objects.get(pk=code.pk).attempts
        together.wait(timeout=30)
        OneTimeCode.objects.filter(pk=code.pk).update(attempts=tries + 1)

    at_once(read_then_count, read_then_count)

    assert OneTimeCode.objects.get().attempts == 1


def twice_verified():
    """Return two enrolments of one person whose codes have both come back."""
    open_bank()
    for minute in (0, 2):
        transactions.commit(begin, at=NOON.replace(minute=minute))
    Enrolment.objects.update(state="verified", verified_at=NOON)
    return list(Enrolment.objects.order_by("started_at"))


def test_one_person_ends_two_enrolments_at_once_and_joins_once(committed):
    first, second = twice_verified()

    def end(enrolment):
        given = {"choices": YES, "password": "", "channel": "portal", "today": TODAY, "at": NOON, "actor": STRANGER}
        try:
            return transactions.commit(accepting.accept, enrolment_id=enrolment.pk, **given) and "joined"
        except accepting.AlreadyMember as refusal:
            return refusal.code

    assert sorted(at_once(lambda: end(first), lambda: end(second))) == ["already_member", "joined"]
    assert Member.objects.count() == 1


def test_one_person_ends_two_enrolments_naively_and_joins_twice(committed):
    """Both look for somebody like him, find nobody, and make a member each."""
    first, second = twice_verified()
    together = threading.Barrier(2)

    def look_then_make(enrolment):
        nobody = not Member.objects.exists()
        together.wait(timeout=30)
        return nobody and accepting._new_member(enrolment, joined_on=TODAY).pk is not None

    assert at_once(lambda: look_then_make(first), lambda: look_then_make(second)) == [True, True]
    assert Member.objects.count() == 2


def test_codes_asked_for_at_once_are_limited_as_if_one_came_after_the_other(committed):
    """G07: of six who ask for one phone at once, one is sent a code."""
    open_bank()
    known()

    def ask_again():
        sent = {"to_kind": "phone", "to": LI.phone, "at": NOON, "actor": STRANGER}
        try:
            return transactions.commit(verifying.send_for_signing_in, **sent) and "sent"
        except verifying.TooManyCodes as refusal:
            return refusal.code

    assert sorted(at_once(*[ask_again] * AT_ONCE)) == ["sent"] + ["too_many_codes"] * (AT_ONCE - 1)
    assert OneTimeCode.objects.count() == 1
