"""A code of a second factor counts once and is guessed five times, whoever comes at once; beside the naive twins that fail."""

import datetime
import threading

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value

from foundation import transactions
from foundation.access import second_factors
from foundation.access.models import FactorTries
from foundation.actors import Actor
from members import contacting, verifying
from members.models import Person
from members.sealing import open_person
from tests.factories import UserFactory
from tests.members.cast import LI, NOON, STRANGER, TODAY, known, open_bank
from tests.races.test_night import at_once

AT_ONCE = 5
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE = format_hotp_value(hotp_value(SECRET, int(AT.timestamp()) // 30))


def lin():
    user = UserFactory(username="lin")
    TOTP.activate(user, SECRET)
    return user


def tried(user, given):
    asked = {"user": user, "given": given, "from_known": False, "at": AT}
    return transactions.commit(second_factors.try_code, **asked) is not None


def test_one_code_typed_by_five_at_once_lets_one_in(committed):
    """G05, and a replay of what somebody looked over a shoulder."""
    user = lin()

    let_in = at_once(*[lambda: tried(user, CODE)] * AT_ONCE)

    assert sorted(let_in) == [False] * (AT_ONCE - 1) + [True]


def test_one_code_typed_by_two_naively_lets_both_in(committed):
    """Both read that the step was not used, and both go in."""
    user = lin()
    together = threading.Barrier(2)

    def read_then_use():
        app = Authenticator.objects.get(user=user)
        right = "used" not in app.data
        together.wait(timeout=30)
        app.data["used"] = 1
        app.save()
        return right

    assert at_once(read_then_use, read_then_use) == [True, True]


def test_one_recovery_code_typed_by_five_at_once_lets_one_in(committed):
    user = lin()
    [code, *_] = transactions.commit(second_factors.renew_recovery_codes, user=user, at=AT, actor=Actor.job("test"))

    let_in = at_once(*[lambda: tried(user, code)] * AT_ONCE)

    assert sorted(let_in) == [False] * (AT_ONCE - 1) + [True]


def test_guesses_at_once_are_all_counted(committed):
    user = lin()
    wrong = f"{(int(CODE) + 1) % 10**6:06}"
    around = [format_hotp_value(hotp_value(SECRET, int(AT.timestamp()) // 30 + drift)) for drift in (-1, 0, 1)]
    assert wrong not in around

    at_once(*[lambda: tried(user, wrong)] * AT_ONCE)

    assert FactorTries.objects.get().tries == AT_ONCE
    assert not tried(user, CODE)


def test_guesses_at_once_naively_are_counted_once(committed):
    """Each reads that nobody tried, and writes that one did."""
    FactorTries.objects.create(user=lin(), from_known=False, began_at=AT, tries=0)
    together = threading.Barrier(2)

    def read_then_count():
        tries = FactorTries.objects.get().tries
        together.wait(timeout=30)
        FactorTries.objects.update(tries=tries + 1)

    at_once(read_then_count, read_then_count)

    assert FactorTries.objects.get().tries == 1


def test_a_contact_is_changed_once_by_one_code_brought_at_once(committed):
    """G08: the second finds the code used, and tells nobody a second time."""
    open_bank()
    member = known()
    asked = {"member": member, "kind": "phone", "to": "13900000077", "today": TODAY, "at": NOON, "actor": STRANGER}
    code = transactions.commit(contacting.ask, **asked)
    given = {"member": member, "code_id": code.pk, "given": verifying.secret_of(code), "at": NOON, "actor": STRANGER}

    done = at_once(*[lambda: transactions.commit(contacting.confirm, **given)] * 3)

    assert sorted(done) == [False, False, True]
    assert open_person(Person.objects.get(pk=member.pk)).phone == "13900000077" != LI.phone
