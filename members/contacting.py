"""Changing where a member is reached: a code to the new number or address proves it; the old one is told (reliability.md G08)."""

import datetime
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from foundation.access import noticing
from foundation.access.models import User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.masking import mask_phone
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import verifying, waking
from members.codes import OneTimeCode
from members.contact_changes import ContactChange
from members.details import SENTENCES, Details
from members.file_books import Book, note
from members.files import FactSource
from members.joining import mask_email
from members.models import Member, Person
from members.sealing import PersonalData, hash_of, open_person, seal, seal_person, unseal

# What of a person's row says his contact; the rest is not touched.
ANEW = ("wrapped_key", "sealed", "masked_phone", "phone_hash", "email_hash")


class ContactRefused(Refusal):
    code = "contact_refused"
    status = 422
    sentence = "%(why)s"


class SameContact(Refusal):
    code = "same_contact"
    status = 422
    sentence = _("The bank reaches you by this already.")


@in_transaction
def ask(
    *, member: Member, kind: str, to: str, today: datetime.date, at: datetime.datetime, actor: Actor
) -> OneTimeCode:
    """Send a code to a new contact (`kind`: phone, email) of a member who is a person; nothing changes yet.

    Refuses contact_refused for what is no contact, same_contact, too_many_codes.
    """
    typed: dict[str, Any] = {kind: to}
    read = Details.of(full_name="–", **typed)
    if fault := read.faults(today=today).get(kind):
        raise ContactRefused(field="contact", why=SENTENCES[fault])
    given = getattr(read, kind)
    kept = getattr(member.person, f"{kind}_hash")
    if kept is not None and bytes(kept) == hash_of(kind, given):
        raise SameContact(field="contact")
    code = verifying.send(
        purpose=verifying.Purpose.CONTACT,
        form=verifying.Form.DIGITS,
        to_kind=kind,
        to=given,
        member=member,
        at=at,
        actor=actor,
    )
    wrapped_key, sealed = seal(PersonalData(**{kind: given}), bound_to=f"contact:{code.pk}")
    ContactChange.objects.create(code=code, kind=kind, wrapped_key=wrapped_key, sealed=sealed)
    return code


@in_transaction
def confirm(*, member: Member, code_id: uuid.UUID, given: str, at: datetime.datetime, actor: Actor) -> bool:
    """Change the contact where the code is right; tell the old one and the new one, and let spending rest. False where it is wrong.

    It refuses nothing, so that the counted try stays.
    """
    Member.objects.select_for_update(of=("self",)).get(pk=member.pk)
    change = ContactChange.objects.filter(code_id=code_id, code__member=member).first()
    if change is None:
        return False
    if not verifying.use(code_id=code_id, given=given, purposes=[verifying.Purpose.CONTACT], at=at, actor=actor):
        return False
    data = open_person(Person.objects.select_for_update().get(pk=member.pk))
    before, now = getattr(data, change.kind), getattr(contact_of(change), change.kind)
    parts = {part: getattr(data, part) for part in PersonalData.__dataclass_fields__}
    after = PersonalData(**(parts | {change.kind: now}))
    made = seal_person(member.pk, after)
    Person.objects.filter(pk=member.pk).update(**{field: getattr(made, field) for field in ANEW})
    change.wrapped_key_before, change.sealed_before = seal(
        PersonalData(**{change.kind: before}), bound_to=f"contact before:{code_id}"
    )
    change.save(update_fields=["wrapped_key_before", "sealed_before"])
    book = Book(member_id=member.pk, person=after)
    book.note([change.kind], source=FactSource.MEMBER, on=day_of(at))
    note([book], today=day_of(at))
    waking.note_new_contacts([member.pk], at=at, actor=actor)
    if member.user_id:
        user = User.objects.get(pk=member.user_id)
        for which in ("before", "now"):
            noticing.tell(user=user, what=noticing.Happened.CONTACT_CHANGED, at=at, about=f"{which}:{code_id}")
    record(
        verb="contacting.confirm",
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        old={change.kind: masked(change.kind, before)},
        new={change.kind: masked(change.kind, now)},
    )
    return True


def contact_of(change: ContactChange) -> PersonalData:
    """Return the new contact of a change, in clear."""
    return unseal(change.wrapped_key, change.sealed, bound_to=f"contact:{change.pk}")


def contact_before(change: ContactChange) -> PersonalData:
    """Return the contact that a change replaced, in clear; nothing before it is done."""
    if change.sealed_before is None:
        return PersonalData()
    return unseal(change.wrapped_key_before, change.sealed_before, bound_to=f"contact before:{change.pk}")


def masked(kind: str, contact: str) -> str:
    """Return a contact as the trail may keep it."""
    return mask_phone(contact) if kind == "phone" else mask_email(contact) if contact else ""
