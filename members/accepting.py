"""The end of an enrolment: the consents, and with them a member, new or the one the bank had loaded and invited."""

import dataclasses
import datetime
import hashlib
import secrets
import uuid
from collections.abc import Sequence

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.access import grants
from foundation.access.models import User
from foundation.access.posting import PasswordRefused
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.messaging.sending import owe_message
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import consents, joining, moving, recognising
from members.consents import Choice
from members.facts import IDENTITY
from members.file_books import Book, note
from members.files import FactSource
from members.models import Enrolment, Member, Person
from members.sealing import PersonalData, hash_of, open_person, pinyin_of, seal_person

WELCOME = "welcome"
State = Enrolment.State


class ConsentNeeded(Refusal):
    code = "consent_needed"
    status = 422
    sentence = _("To join, agree to this: %(title)s.")


class AlreadyMember(Refusal):
    code = "already_member"
    sentence = _("You are a member already. Please sign in.")


class IdentityUnclear(Refusal):
    code = "identity_unclear"
    sentence = _(
        "We could not match your details with what the bank knows. Please come to your branch with your document."
    )


@in_transaction
def accept(
    *,
    enrolment_id: uuid.UUID,
    choices: Sequence[Choice],
    password: str,
    channel: str,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
) -> Member:
    """End a verified enrolment: write the consents, make the member or take the invited one, open his sign-in, owe the welcome.

    Without a `password` he signs in by code. The same enrolment again answers its member and changes nothing. Refuses
    enrolment_not_open, contact_not_verified, consent_needed, consent_text_outdated, password_refused, already_member,
    identity_unclear.
    """
    enrolment = Enrolment.objects.select_for_update(of=("self",)).filter(pk=enrolment_id).first()
    if enrolment and enrolment.member:
        return enrolment.member
    if enrolment is None or enrolment.state == State.LAPSED or enrolment.expires_at <= at:
        raise joining.EnrolmentNotOpen
    if enrolment.state != State.VERIFIED:
        raise joining.ContactNotVerified
    _refuse_missing(choices, today=today)
    data = joining.data_of(enrolment)
    _lock(data, enrolment.vouched_number)
    member = _vouched_for(enrolment, data) if enrolment.vouched_number else _known_by_contact(enrolment, data)
    member = member or _new_member(enrolment, joined_on=today)
    _keep(member, data, today=today)
    _open_sign_in(member, password=password, language=enrolment.language, at=at, actor=actor)
    ended = {"ended_at": at, "wrapped_key": None, "sealed": b"", "masked_name": "", "masked_contact": ""}
    Enrolment.objects.filter(pk=enrolment.pk).update(state=State.ACTIVE, member=member, finished_on=channel, **ended)
    consents.choose(choices, member_id=member.pk, channel=channel, today=today, at=at, actor=actor)
    moving.accept(member_id=member.pk, at=at, actor=actor)
    owe_message(kind=WELCOME, key=f"welcome/{enrolment.pk}", member_id=member.pk)
    new = {"enrolment": enrolment.reference, "begun_on": enrolment.begun_on, "finished_on": channel}
    record(verb="accepting.accept", actor=actor, subject_kind="member", subject_id=member.pk, at=at, new=new)
    member.refresh_from_db()
    return member


def _refuse_missing(choices: Sequence[Choice], *, today: datetime.date) -> None:
    """Refuse where something that a membership rests on has no yes (consent_needed)."""
    given = {choice.purpose for choice in choices if choice.given}
    for text in consents.asked(on=today):
        if text.is_required and text.purpose not in given:
            raise ConsentNeeded(field=text.purpose, title=text.title)


def _lock(data: PersonalData, number: str | None) -> None:
    """Let two enrolments of one person end one after the other."""
    hashes = [hashed for kind in joining.KNOWN_BY if (hashed := hash_of(kind, getattr(data, kind)))]
    hashes += [f"number\0{number}".encode()] if number else []
    keys = sorted(int.from_bytes(hashlib.sha256(b"joining\0" + hashed).digest()[:8], signed=True) for hashed in hashes)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def _vouched_for(enrolment: Enrolment, data: PersonalData) -> Member | None:
    """Return the invited member of the number or document that the bank vouches for, locked; None where there is none.

    Refuses already_member, membership_over, customer_unclear.
    """
    number = enrolment.vouched_number or ""
    found = recognising.recognise(number=number, national_id=data.national_id, for_update=True)
    if found is None or Member.objects.invited().filter(pk=found.pk).exists():
        return found
    raise AlreadyMember if Member.objects.joined().filter(pk=found.pk).exists() else recognising.MembershipOver


def _known_by_contact(enrolment: Enrolment, data: PersonalData) -> Member | None:
    """Return whom the code came back from, where the bank has loaded him; refuses already_member, identity_unclear."""
    if Member.objects.joined().filter(joining.same_person(data)).exists():
        raise AlreadyMember
    return _invited(enrolment, data)


def _invited(enrolment: Enrolment, data: PersonalData) -> Member | None:
    """Return the invited member whose verified contact and name these are, locked; None where the bank knows nobody like him.

    Refuses identity_unclear where it knows somebody whose contact, name or document differs, or who was suspended before he joined.
    """
    known = Member.objects.filter(joining.same_person(data), accepted_at=None).exclude(status="closed")
    candidates = list(known.select_for_update(of=("self",)).order_by("pk"))
    if not candidates:
        return None
    kind, to = joining.contact(data, enrolment.via)
    matching = [
        member
        for member in candidates
        if member.status == Member.Status.ACTIVE
        and _same(member.person, f"{kind}_hash", hash_of(kind, to))
        and _same(member.person, "name_hash", hash_of("name", data.full_name))
        and (not data.national_id or _fits(member.person, hash_of("national_id", data.national_id)))
    ]
    if len(matching) != 1:
        raise IdentityUnclear
    return matching[0]


def _same(person: Person, column: str, hashed: bytes | None) -> bool:
    kept = getattr(person, column)
    return kept is not None and bytes(kept) == hashed


def _fits(person: Person, hashed: bytes | None) -> bool:
    return person.national_id_hash is None or bytes(person.national_id_hash) == hashed


def _new_member(enrolment: Enrolment, *, joined_on: datetime.date) -> Member:
    """Make a member under his number at the bank, where that is known; else one of ours, which no file of the core bank uses."""
    number = enrolment.vouched_number or f"N{secrets.randbelow(10**10):010}"
    return Member.objects.create(number=number, branch_id=enrolment.branch_id, joined_on=joined_on)


def _keep(member: Member, data: PersonalData, *, today: datetime.date) -> None:
    """Seal what the member said where the bank knew nothing, and since when it holds; what the core bank reported stays."""
    person = Person.objects.filter(member=member).first()
    before = open_person(person) if person else PersonalData()
    parts = {part.name: getattr(before, part.name) or getattr(data, part.name) for part in dataclasses.fields(data)}
    after = PersonalData(**parts)
    if not after.pinyin:
        after = dataclasses.replace(after, pinyin=pinyin_of(after.full_name))
    sealed = seal_person(member.pk, after)
    sealed.save(force_insert=person is None)
    book = Book(member_id=member.pk, person=after)
    told = [code for code in IDENTITY if getattr(after, code) and not getattr(before, code)]
    book.note(told, source=FactSource.MEMBER, on=today)
    note([book], today=today)


def _open_sign_in(member: Member, *, password: str, language: str, at: datetime.datetime, actor: Actor) -> None:
    """Give the member his user, named by his number; a new password ends what his apps may do. Refuses password_refused."""
    user = member.user or User(username=member.number)
    if password:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise PasswordRefused(field="password", why=" ".join(error.messages)) from error
        user.set_password(password)
        if user.pk:
            grants.revoke_all(user=user, at=at, actor=actor, reason="new password")
    elif member.user_id is None:
        user.set_unusable_password()
    user.save()
    Member.objects.filter(pk=member.pk).update(user=user, language=language)
