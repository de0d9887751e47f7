"""One-time codes: sent, limited, tried, used once. Nothing stored tells a code; the sender makes it again from its id and the key.

Whether a code is a decoy makes no difference to what is written, owed or answered (reliability.md G06).
"""

import datetime
import hashlib
import hmac
import secrets
import unicodedata
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.messaging.sending import owe_message
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.codes import MOST_ATTEMPTS, OneTimeCode
from members.details import SENTENCES, DetailsRefused
from members.models import Enrolment, Member
from members.sealing import hash_of, open_person

Form, Purpose = OneTimeCode.Form, OneTimeCode.Purpose
LASTS = {Form.DIGITS: datetime.timedelta(minutes=10), Form.LINK: datetime.timedelta(hours=24)}
# Between two codes to one number or address of mail; how many of them an hour and a day; how many from one address of the net an hour.
PAUSE = datetime.timedelta(minutes=1)
MOST_AN_HOUR, MOST_A_DAY, MOST_FROM_AN_ADDRESS = 5, 10, 30
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
# How long a code's row is kept for the limits, and for whoever asks what was sent.
KEPT = datetime.timedelta(days=30)
CODE = "code"


class TooManyCodes(Refusal):
    code = "too_many_codes"
    status = 429
    sentence = _("Too many codes were asked for. Please wait, then ask again.")

    def __init__(self, *, retry_after: datetime.timedelta) -> None:
        super().__init__()
        self.retry_after_seconds = max(1, int(retry_after.total_seconds()))


class CodeRefused(Refusal):
    code = "code_refused"
    status = 422
    sentence = _("This code is not right, or not any more. Ask for a new one after five tries or ten minutes.")


@in_transaction
def send(
    *,
    purpose: str,
    form: str,
    to_kind: str,
    to: str,
    at: datetime.datetime,
    actor: Actor,
    enrolment: Enrolment | None = None,
    member: Member | None = None,
    is_decoy: bool = False,
) -> OneTimeCode:
    """Make a code for the phone number or mail address `to` (`to_kind`: phone, email), owe its message, replace the ones before.

    Refuses invalid_details without a target; too_many_codes, alike for those who are members and those who are not.
    """
    target = hash_of(to_kind, to)
    if target is None:
        raise DetailsRefused(field=to_kind, why=SENTENCES["contact_needed"])
    # Staff enrol many from one address; they are known by name.
    address = None if actor.user and actor.user.is_staff else actor.address
    _lock([target.hex(), address or ""])
    _refuse_too_many(target, address, at=at)
    made = OneTimeCode(
        purpose=purpose,
        form=form,
        target_hash=target,
        address=address,
        enrolment=enrolment,
        member=member,
        sent_at=at,
        expires_at=at + LASTS[Form(form)],
    )
    made.digest = secrets.token_bytes(32) if is_decoy else digest_of(made.pk, secret_of(made))
    before = OneTimeCode.objects.filter(target_hash=target, purpose=purpose, used_at=None, replaced_at=None)
    before.update(replaced_at=at)
    made.save(force_insert=True)
    owe_message(kind=CODE, key=f"code/{made.pk}", about=str(made.pk))
    return made


@in_transaction
def send_for_signing_in(*, to_kind: str, to: str, at: datetime.datetime, actor: Actor) -> OneTimeCode:
    """Send a code to the one member who joined with this phone number or mail address and may sign in; a decoy to nobody else."""
    known = Member.objects.joined().filter(**{f"person__{to_kind}_hash": hash_of(to_kind, to) or b""})
    found = list(known.filter(user__is_active=True, user__is_staff=False).order_by("pk")[:2])
    member = found[0] if len(found) == 1 else None
    return send(
        purpose=Purpose.SIGN_IN,
        form=Form.DIGITS,
        to_kind=to_kind,
        to=to,
        member=member,
        is_decoy=member is None,
        at=at,
        actor=actor,
    )


@in_transaction
def send_for_confirming(*, member: Member, at: datetime.datetime, actor: Actor) -> OneTimeCode:
    """Send a code to a member who is signed in, to where the bank reaches him. Refuses what `send` refuses."""
    data = open_person(member.person)
    kind = "phone" if data.phone else "email"
    return send(
        purpose=Purpose.CONFIRM,
        form=Form.DIGITS,
        to_kind=kind,
        to=getattr(data, kind),
        member=member,
        at=at,
        actor=actor,
    )


@in_transaction
def use(
    *, code_id: uuid.UUID, given: str, purposes: Iterable[str], at: datetime.datetime, actor: Actor
) -> OneTimeCode | None:
    """Try a code and use it where it is right; None where it is wrong, used, replaced, over, or tried five times.

    It refuses nothing, since a refusal would take the counted attempt back: who calls it commits first and refuses then.
    """
    digest = digest_of(code_id, _plain(given))
    arguments: dict[str, Any] = {
        "id": code_id,
        "purposes": list(purposes),
        "digest": digest,
        "at": at,
        "most": MOST_ATTEMPTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "use_code"), arguments)
        row = cursor.fetchone()
    if row is None or not row[0]:
        return None
    return OneTimeCode.objects.select_related("enrolment", "member__user").get(pk=code_id)


@in_transaction
def forget(*, at: datetime.datetime) -> int:
    """Delete the codes that are too old to count for anything; return how many."""
    return OneTimeCode.objects.filter(sent_at__lt=at - KEPT).delete()[0]


def secret_of(code: OneTimeCode) -> str:
    """Return what is sent: six figures, or 32 hexadecimal digits for a link; made from the id, so that it need not be kept."""
    made = hmac.digest(settings.LOOKUP_KEY, f"one-time code\0{code.pk}".encode(), hashlib.sha256)
    return f"{int.from_bytes(made[:8]) % 10**6:06}" if code.form == Form.DIGITS else made[:16].hex()


def digest_of(code_id: uuid.UUID, secret: str) -> bytes:
    """Return the keyed hash of a code, bound to its id."""
    return hmac.digest(settings.LOOKUP_KEY, f"digest of a code\0{code_id}\0{secret}".encode(), hashlib.sha256)


def _plain(given: str) -> str:
    """Return a code as it was sent: figures of any script as the figures they are, nothing between them."""
    text = unicodedata.normalize("NFKC", given[:100]).casefold()
    figures = (str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    return "".join(sign for sign in figures if sign.isascii() and sign.isalnum())


def _lock(names: Iterable[str]) -> None:
    """Let those who ask for a code for one target, or from one address, come one after the other until their transactions end."""
    keys = [hashlib.sha256(f"codes\0{name}".encode()).digest()[:8] for name in names if name]
    with connection.cursor() as cursor:
        numbers = sorted(int.from_bytes(key, signed=True) for key in keys)
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [numbers])


def _refuse_too_many(target: bytes, address: str | None, *, at: datetime.datetime) -> None:
    limits = [(Q(target_hash=target), [(1, PAUSE), (MOST_AN_HOUR, HOUR), (MOST_A_DAY, DAY)])]
    if address is not None:
        limits.append((Q(address=address), [(MOST_FROM_AN_ADDRESS, HOUR)]))
    for mine, counts in limits:
        most_ever = max(most for most, _span in counts)
        recent = OneTimeCode.objects.filter(mine, sent_at__gt=at - DAY).order_by("-sent_at")
        sent = list(recent.values_list("sent_at", flat=True)[:most_ever])
        for most, span in counts:
            if len(sent) >= most and sent[most - 1] > at - span:
                raise TooManyCodes(retry_after=sent[most - 1] + span - at)
