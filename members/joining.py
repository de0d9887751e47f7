"""Joining: details, a code, consents, member. One way in for portal, app, branch and file, begun on one channel, ended on another.

begin → verify → accept. From outside nothing tells whether the details are those of somebody known (docs/enrolment.md).
"""

import datetime
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Branch
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.masking import mask_name, mask_phone
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import details as checking
from members import verifying
from members.codes import OneTimeCode
from members.details import Details
from members.models import Enrolment, Member, Person
from members.sealing import PersonalData, hash_of, seal, unseal

State, Via = Enrolment.State, Enrolment.Via
OPEN = (State.STARTED, State.VERIFIED)
LASTS = datetime.timedelta(days=7)
# Letters and figures that nobody mistakes for another when they are read aloud.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
# By which of the person's hashes somebody is known.
KNOWN_BY = ("phone", "email", "national_id")


class EnrolmentNotOpen(Refusal):
    code = "enrolment_not_open"
    sentence = _("This enrolment is over, or was not begun here. Please begin again; nothing was kept.")


class ContactNotVerified(Refusal):
    code = "contact_not_verified"
    sentence = _("First enter the code that was sent to you.")


class NoBranch(Refusal):
    code = "no_branch"
    status = 503
    sentence = _("Nobody can join just now: the bank is not set up yet.")


@in_transaction
def begin(
    *,
    details: Details,
    via: str,
    channel: str,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    form: str = OneTimeCode.Form.DIGITS,
    branch: Branch | None = None,
    secret: str = "",
) -> Enrolment:
    """Begin an enrolment and owe its code by text message or mail (`via`), to the bank's first branch where none is given.

    Where the details are those of somebody who has joined, all looks alike, the code matches nothing, and the message goes to him.
    Refuses invalid_details at its field, too_many_codes.
    """
    checking.refuse(details, today=today)
    to_kind, to = contact(details.personal(), via)
    if not to:
        raise checking.DetailsRefused(field=to_kind, why=checking.SENTENCES["contact_needed"])
    branch = branch or Branch.objects.filter(parent=None).order_by("pk").first()
    if branch is None:
        raise NoBranch
    known = Member.objects.joined().filter(same_person(details.personal())).order_by("pk").first()
    enrolment = Enrolment(
        reference=new_reference(),
        via=via,
        begun_on=channel,
        branch=branch,
        language=details.language,
        masked_name=mask_name(details.full_name),
        masked_contact=mask_phone(to) if via == Via.SMS else mask_email(to),
        secret_digest=digest_of(secret) if secret else None,
        known_member=known,
        started_at=at,
        expires_at=at + LASTS,
    )
    enrolment.wrapped_key, enrolment.sealed = seal(details.personal(), bound_to=f"enrolment:{enrolment.pk}")
    enrolment.save(force_insert=True)
    _send(enrolment, purpose=OneTimeCode.Purpose.ENROL, form=form, to_kind=to_kind, to=to, at=at, actor=actor)
    new = {"reference": enrolment.reference, "channel": channel, "via": via}
    record(verb="joining.begin", actor=actor, subject_kind="enrolment", subject_id=enrolment.pk, at=at, new=new)
    return enrolment


@in_transaction
def send_again(
    *, enrolment_id: uuid.UUID, at: datetime.datetime, actor: Actor, form: str = OneTimeCode.Form.DIGITS
) -> OneTimeCode:
    """Send a new code, which ends the one before; refuses enrolment_not_open, too_many_codes."""
    enrolment = _open(enrolment_id, at=at)
    to_kind, to = contact(data_of(enrolment), enrolment.via)
    sent = {"form": form, "to_kind": to_kind, "to": to, "at": at, "actor": actor}
    return _send(enrolment, purpose=OneTimeCode.Purpose.ENROL, **sent)


@in_transaction
def resume(*, reference: str, at: datetime.datetime, actor: Actor) -> OneTimeCode:
    """Send a code to whoever began the enrolment of that reference; for one that is over, or never was, a decoy to nobody.

    Refuses too_many_codes.
    """
    reference = "".join(sign for sign in reference.upper() if sign.isalnum())[:8]
    written = f"{reference[:4]}-{reference[4:]}"
    enrolment = Enrolment.objects.filter(reference=written, state__in=OPEN, expires_at__gt=at).first()
    # Limited by the reference, known or not: whose number it is must not show in how often one may ask.
    target = {"to_kind": "reference", "to": written, "form": OneTimeCode.Form.DIGITS, "at": at, "actor": actor}
    return _send(enrolment, purpose=OneTimeCode.Purpose.RESUME, **target)


@in_transaction
def verify(
    *, code_id: uuid.UUID, given: str, at: datetime.datetime, actor: Actor, secret: str = ""
) -> Enrolment | None:
    """Try the code of an enrolment; where it is right the contact counts as verified. None where it is not (see verifying.use).

    With `secret`, whoever brings the code goes on with the enrolment, and whoever began it elsewhere no more.
    """
    purposes = [OneTimeCode.Purpose.ENROL, OneTimeCode.Purpose.RESUME]
    code = verifying.use(code_id=code_id, given=given, purposes=purposes, at=at, actor=actor)
    if code is None or code.enrolment_id is None:
        return None
    going_on = Enrolment.objects.filter(pk=code.enrolment_id, known_member=None, expires_at__gt=at)
    going_on.filter(state=State.STARTED).update(state=State.VERIFIED, verified_at=at)
    if secret:
        going_on.filter(state__in=OPEN).update(secret_digest=digest_of(secret))
    return going_on.filter(state=State.VERIFIED).first()


@in_transaction
def forget(*, at: datetime.datetime) -> int:
    """End the enrolments whose time is over, and destroy what was typed in them; return how many."""
    over = Enrolment.objects.filter(state__in=OPEN, expires_at__lte=at)
    return over.update(state=State.LAPSED, ended_at=at, wrapped_key=None, sealed=b"", masked_name="", masked_contact="")


def data_of(enrolment: Enrolment) -> PersonalData:
    """Return what was typed, in clear; nothing once the enrolment has ended."""
    return unseal(enrolment.wrapped_key, enrolment.sealed, bound_to=f"enrolment:{enrolment.pk}")


def contact(data: PersonalData, via: str) -> tuple[str, str]:
    """Return the kind (phone, email) and the text of where a code goes to."""
    return ("phone", data.phone) if via == Via.SMS else ("email", data.email)


def digest_of(secret: str) -> bytes:
    """Return the keyed hash of an app's secret."""
    return hmac.digest(settings.LOOKUP_KEY, f"enrolment\0{secret}".encode(), hashlib.sha256)


def mask_email(email: str) -> str:
    """Return w***@x.cn."""
    name, _at, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}" if name else ""


def same_person(data: PersonalData) -> Q:
    """Return the condition of the members who have one of the person's phone number, mail address and document number."""
    hashes = {f"{kind}_hash": hash_of(kind, getattr(data, kind)) for kind in KNOWN_BY}
    same = Q(pk__in=[])
    for column, hashed in hashes.items():
        if hashed is not None:
            same |= Q(**{column: hashed})
    return Q(pk__in=Person.objects.filter(same).values("member_id"))


def _send(enrolment: Enrolment | None, **sent: Any) -> OneTimeCode:
    is_decoy = enrolment is None or enrolment.known_member_id is not None
    return verifying.send(enrolment=enrolment, is_decoy=is_decoy, **sent)


def _open(enrolment_id: uuid.UUID, *, at: datetime.datetime) -> Enrolment:
    open_ones = Enrolment.objects.select_for_update(of=("self",)).filter(state__in=OPEN, expires_at__gt=at)
    enrolment = open_ones.filter(pk=enrolment_id).first()
    if enrolment is None:
        raise EnrolmentNotOpen
    return enrolment


def new_reference() -> str:
    """Return a reference that nobody can foresee, as people read it aloud: ABCD-EFGH."""
    signs: Sequence[str] = [secrets.choice(ALPHABET) for _place in range(8)]
    return f"{''.join(signs[:4])}-{''.join(signs[4:])}"
