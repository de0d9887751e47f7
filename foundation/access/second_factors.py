"""Second factors: an authenticator app (TOTP, RFC 6238), passkeys (WebAuthn), and recovery codes for when they are lost.

The rows are django-allauth's; the verbs are ours, since each leaves its trail, and a code counts once, whatever Valkey forgets.
"""

import datetime
import unicodedata
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.db import connection
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from foundation.access import ending, noticing
from foundation.access.devices import MOST_TRIES
from foundation.access.models import FactorTries, User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

APP, PASSKEY, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES
STEP_SECONDS = 30
# A code of the step before or after counts too: clocks differ, and people type slowly.
DRIFT = (0, -1, 1)
TRIES_SPAN = datetime.timedelta(minutes=15)
MOST_PASSKEYS = 10
LONGEST_NAME = 60


class FactorCodeRefused(Refusal):
    code = "factor_code_refused"
    status = 422
    sentence = _("This code is not right, was used already, or was tried too often. Wait for the next one.")


class HasAppAlready(Refusal):
    code = "has_app_already"
    sentence = _("There is an authenticator app already: remove it first.")


class TooManyPasskeys(Refusal):
    code = "too_many_passkeys"
    sentence = _("Ten passkeys are the most: remove one first.")


class LastFactorOfStaff(Refusal):
    code = "last_factor_of_staff"
    sentence = _("Staff always have a second factor: add another before you remove this one.")


class NoSuchFactor(Refusal):
    code = "no_such_factor"
    status = 404
    sentence = _("There is no such second factor.")


def has_one(user: User) -> bool:
    """Tell whether the user has a second factor; recovery codes alone are none."""
    return Authenticator.objects.filter(user_id=user.pk, type__in=[APP, PASSKEY]).exists()


@in_transaction
def add_app(*, user: User, secret: str, given: str, at: datetime.datetime, actor: Actor) -> list[str]:
    """Keep the secret of an authenticator app once it has shown a right code; return recovery codes where there were none.

    Refuses has_app_already, factor_code_refused.
    """
    _lock(user)
    if Authenticator.objects.filter(user_id=user.pk, type=APP).exists():
        raise HasAppAlready
    counter = _counter_of(secret, given, at=at)
    if counter is None:
        raise FactorCodeRefused(field="code")
    made = TOTP.activate(user, secret).instance
    made.data["used"] = counter
    made.save(update_fields=["data"])
    return _added(user, made, at=at, actor=actor)


@in_transaction
def add_passkey(*, user: User, name: str, credential: dict[str, Any], at: datetime.datetime, actor: Actor) -> list[str]:
    """Keep a passkey whose registration was verified; return recovery codes where there were none. Refuses too_many_passkeys."""
    _lock(user)
    if Authenticator.objects.filter(user_id=user.pk, type=PASSKEY).count() >= MOST_PASSKEYS:
        raise TooManyPasskeys
    made = WebAuthn.add(user, name[:LONGEST_NAME], credential).instance
    return _added(user, made, at=at, actor=actor)


@in_transaction
def remove(*, user: User, factor_id: int, at: datetime.datetime, actor: Actor) -> None:
    """Remove one factor, with the last one the recovery codes. Refuses no_such_factor, last_factor_of_staff."""
    _lock(user)
    mine = Authenticator.objects.filter(user_id=user.pk, type__in=[APP, PASSKEY])
    factor = mine.filter(pk=factor_id).first()
    if factor is None:
        raise NoSuchFactor
    if user.is_staff and mine.count() == 1:
        raise LastFactorOfStaff
    old = {"factor": factor.type}
    factor.delete()
    User.objects.filter(pk=user.pk).update(secured_at=at)
    if not mine.exists():
        Authenticator.objects.filter(user_id=user.pk).delete()
    _changed(user, verb="access.remove_factor", old=old, new={}, at=at, actor=actor)


@in_transaction
def renew_recovery_codes(*, user: User, at: datetime.datetime, actor: Actor) -> list[str]:
    """Put new recovery codes in the place of the old ones and return them. Refuses no_such_factor without a factor."""
    _lock(user)
    if not has_one(user):
        raise NoSuchFactor
    Authenticator.objects.filter(user_id=user.pk, type=RECOVERY).delete()
    codes = RecoveryCodes.activate(user).generate_codes()
    _changed(user, verb="access.renew_recovery_codes", old={}, new={}, at=at, actor=actor)
    return codes


@in_transaction
def reset(*, user: User, at: datetime.datetime) -> dict[str, Any]:
    """Take all factors of a user who has lost them, and end his sessions; return what there was. Whoever calls leaves the trail."""
    _lock(user)
    mine = Authenticator.objects.filter(user_id=user.pk)
    old = sorted(mine.values_list("type", flat=True))
    mine.delete()
    FactorTries.objects.filter(user_id=user.pk).delete()
    ending.end_all(user=user, at=at)
    User.objects.filter(pk=user.pk).update(secured_at=at)
    noticing.tell(user=user, what=noticing.FACTORS_RESET, at=at)
    return {"user": user.username, "factors": old}


@in_transaction
def try_code(*, user: User, given: str, from_known: bool, at: datetime.datetime) -> Authenticator | None:
    """Try a code of the app or a recovery code and use it where it is right; None where it is wrong, used, or tried too often.

    It refuses nothing, since a refusal would take the counted try back: who calls it commits first and refuses then.
    """
    if not _may_try(user, from_known=from_known, at=at):
        return None
    plain = _plain(given)
    for factor in Authenticator.objects.filter(user_id=user.pk).exclude(type=PASSKEY).order_by("-type"):
        if _is_right(factor, plain, at=at):
            FactorTries.objects.filter(user_id=user.pk, from_known=from_known).delete()
            if factor.type == RECOVERY:
                noticing.tell(user=user, what=noticing.RECOVERY_CODE_USED, at=at)
            return factor
    return None


def code_now(factor: Authenticator, *, at: datetime.datetime) -> str:
    """Return the code that an app shows at an instant, or the next where that was used: for demonstrations, and for tests."""
    counter = max(int(at.timestamp()) // STEP_SECONDS, factor.data.get("used", -1) + 1)
    return format_hotp_value(hotp_value(decrypt(factor.data["secret"]), counter))


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes the user has left."""
    kept = Authenticator.objects.filter(user_id=user.pk, type=RECOVERY).first()
    return len(RecoveryCodes(kept).get_unused_codes()) if kept else 0


def _is_right(factor: Authenticator, plain: str, *, at: datetime.datetime) -> bool:
    if factor.type == RECOVERY:
        return RecoveryCodes(factor).validate_code(plain)
    counter = _counter_of(decrypt(factor.data["secret"]), plain, at=at)
    if counter is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(statement("foundation.access", "use_totp"), {"id": factor.pk, "counter": counter, "at": at})
        return cursor.fetchone() is not None


def _counter_of(secret: str, given: str, *, at: datetime.datetime) -> int | None:
    """Return the step whose code was given, of those about `at`; None where it is none of theirs."""
    now, plain = int(at.timestamp()) // STEP_SECONDS, _plain(given)
    for drift in DRIFT:
        if constant_time_compare(format_hotp_value(hotp_value(secret, now + drift)), plain):
            return now + drift
    return None


def _may_try(user: User, *, from_known: bool, at: datetime.datetime) -> bool:
    counted: dict[str, Any] = {
        "user": user.pk,
        "from_known": from_known,
        "at": at,
        "over": at - TRIES_SPAN,
        "most": MOST_TRIES,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("foundation.access", "count_try"), counted)
        return cursor.fetchone()[0]


def _plain(given: str) -> str:
    """Return a code as it was shown: figures of any script as the figures they are, nothing between them."""
    figures = (str(unicodedata.decimal(sign)) for sign in given[:40] if sign.isdecimal())
    return "".join(figures)


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _added(user: User, factor: Authenticator, *, at: datetime.datetime, actor: Actor) -> list[str]:
    """Keep the trail of a new factor; where it is the first, end the sessions that were begun without one."""
    mine = Authenticator.objects.filter(user_id=user.pk)
    is_first = mine.exclude(pk=factor.pk).exclude(type=RECOVERY).count() == 0
    codes = [] if mine.filter(type=RECOVERY).exists() else RecoveryCodes.activate(user).generate_codes()
    if is_first:
        ending.end_all(user=user, at=at)
    _changed(user, verb="access.add_factor", old={}, new={"factor": factor.type}, at=at, actor=actor)
    return codes


def _changed(
    user: User, *, verb: str, old: dict[str, Any], new: dict[str, Any], at: datetime.datetime, actor: Actor
) -> None:
    noticing.tell(user=user, what=noticing.FACTORS_CHANGED, at=at)
    record(verb=verb, actor=actor, subject_kind="user", subject_id=user.pk, at=at, old=old, new=new)
