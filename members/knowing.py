"""Knowing a member: his file of facts read, put, taken in by the batch, confirmed, looked through; each with source, day and purpose.

What identifies him lies in Person, where it is found by hashes; the rest in one document under the file's own key. A fact under a
consent that was taken back is neither shown nor used. Everything here holds the members' rows, in order of id.
"""

import datetime
from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import worded
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import details, scoring, waking
from members.facts import FACTS
from members.file_books import Book, Known, agreed, books_of, known_of, tag_of, with_new_contacts, write
from members.files import FactSource, MemberFile
from members.models import Member

EARLIEST = datetime.date(1900, 1, 1)
SENTENCES: dict[str, str | Promise] = details.SENTENCES | {
    "too_long": _("This has 100 characters at most."),
    "not_a_choice": _("Choose one of the values offered."),
    "not_a_date": _("Write the day as in 2026-11-21."),
}


class UnknownFact(Refusal):
    code = "unknown_fact"
    status = 422
    sentence = _("The file holds no such fact.")


class FactMalformed(Refusal):
    code = "invalid_fact"
    status = 422
    sentence = "%(why)s"


class FactNeedsConsent(Refusal):
    code = "fact_needs_consent"
    sentence = _("To keep this, the bank needs the consent “%(title)s”. Without it, nothing was changed.")


class KeptByTheBranch(Refusal):
    code = "kept_by_the_branch"
    sentence = _("Your branch corrects this with your document in hand.")


class NeedsDocument(Refusal):
    code = "fact_needs_document"
    sentence = _("Name, document, birth, phone and e-mail are changed with a document in hand. Say that you saw one.")


class FileChanged(Refusal):
    code = "file_changed"
    status = 412
    sentence = _("These details have changed since you read them. Read them again.")


class PersonErased(Refusal):
    code = "person_erased"
    sentence = _("This person's data has been erased; nothing more is kept of him.")


class ToldInFuture(Refusal):
    code = "told_in_future"
    status = 422
    sentence = _("A fact is told today or earlier, and not before 1900.")


def read(member: Member, *, said: frozenset[str] | None = None, on: datetime.date) -> list[Known]:
    """Return what is known of a member, in the order of the catalogue: every fact, those not held as well; one query.

    `member` comes with person and file. What stands under a consent that was taken back has no value and says so. With `said`,
    the purposes he has agreed to, no query.
    """
    purposes = agreed([member.pk]).get(member.pk, frozenset()) if said is None else said
    return known_of(Book.of(member), said=purposes, on=on)


def tag(member: Member, known: Sequence[Known]) -> str:
    """Return a short text that changes whenever what is known does: the ETag of a file."""
    return tag_of(Book.of(member), known)


@in_transaction
def put(
    *,
    member_id: int,
    facts: Mapping[str, str],
    source: str,
    told_on: datetime.date,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    reason: str = "",
    seen: str | None = None,
) -> list[str]:
    """Write what a person says of a member, all or none; "" takes a fact out. Return the codes of what changed, or was told anew.

    Refuses unknown_fact, invalid_fact at its field, told_in_future, kept_by_the_branch (to the member, what is proved by a document),
    fact_needs_document (to staff who saw none), fact_needs_consent, person_erased; with `seen`, the tag of what was read,
    file_changed.
    """
    if not EARLIEST <= told_on <= today:
        raise ToldInFuture(field="told_on")
    values = {code: _read(code, value, source=source, today=today) for code, value in facts.items()}
    book = _opened(member_id)
    said = agreed([member_id]).get(member_id, frozenset())
    if seen is not None and tag_of(book, known_of(book, said=said, on=today)) != seen:
        raise FileChanged
    for code, value in values.items():
        fact = FACTS[code]
        if value and not fact.rests_on_membership and fact.purpose not in said:
            raise FactNeedsConsent(field=code, title=fact.purpose_title)
    before = {code: book.value(code) for code in values}
    changed = book.put(values, source=source, told_on=told_on)
    if not changed:
        return []
    event = record(
        verb="knowing.put",
        actor=actor,
        subject_kind="member",
        subject_id=member_id,
        at=at,
        old={code: FACTS[code].traced(before[code]) for code in changed},
        new={code: FACTS[code].traced(values[code]) for code in changed} | {"source": source, "told_on": f"{told_on}"},
        reason=worded(reason),
    )
    write([book], today=today, at=at, event=event)
    waking.note_new_contacts(with_new_contacts([book]), at=at, actor=actor)
    scoring.score(members=[member_id], as_of=today)
    return changed


@in_transaction
def confirm(
    *,
    member_id: int,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    reason: str = "",
    by_member: bool = False,
) -> None:
    """Write that the file was looked through and is right: its facts count as told today, and the next review is due from today on.

    The member confirms what is his to correct; staff the whole. Refuses person_erased.
    """
    book = _opened(member_id)
    said = agreed([member_id]).get(member_id, frozenset())
    codes = [
        one.fact.code
        for one in known_of(book, said=said, on=today)
        if one.source and not one.is_withheld and (one.fact.of_member or not by_member)
    ]
    book.tell_anew(codes, on=today)
    event = record(
        verb="knowing.confirm",
        actor=actor,
        subject_kind="member",
        subject_id=member_id,
        at=at,
        new={"facts": len(codes), "by": "member" if by_member else "staff"},
        reason=worded(reason),
    )
    write([book], today=today, at=at, event=event)
    MemberFile.objects.filter(pk=member_id).update(reviewed_on=today, due_on=book.due_after(today))
    scoring.score(members=[member_id], as_of=today)


def _opened(member_id: int) -> Book:
    """Return the member's book, his row locked; refuses person_erased."""
    Member.objects.select_for_update().get(pk=member_id)
    book = books_of([member_id])[member_id]
    if book.is_erased:
        raise PersonErased
    return book


def _read(code: str, value: str, *, source: str, today: datetime.date) -> str:
    """Return a value in one form; refuses what is no fact, malformed, or not the member's to change."""
    fact = FACTS.get(code)
    if fact is None:
        raise UnknownFact(field=code)
    if source == FactSource.MEMBER and not fact.of_member:
        raise KeptByTheBranch(field=code)
    if source == FactSource.TOLD and fact.needs_document:
        raise NeedsDocument(field=code)
    try:
        read = fact.read(value)
        if code == "birth_date" and read and not EARLIEST <= datetime.date.fromisoformat(read) <= today:
            raise ValueError("birth_date_out_of_range")
    except ValueError as error:
        raise FactMalformed(field=code, why=SENTENCES[str(error)]) from None
    return read
