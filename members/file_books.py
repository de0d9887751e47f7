"""A member's file opened: person, facts, what is held since when; changed in memory, then written back, many in a few statements."""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from foundation.audit.models import AuditEvent
from foundation.periods import add_months
from foundation.querying import statement
from members import scoring
from members.facts import CATALOGUE, CONTACTS, FACTS, IDENTITY, Fact
from members.files import FactChange, FactSource, MemberFile
from members.models import Consent, Member, Person
from members.sealing import (
    PersonalData,
    new_file_key,
    open_document,
    open_person,
    pinyin_of,
    seal_document,
    seal_person,
)

PERSON_COLUMNS = [field.name for field in Person._meta.concrete_fields if not field.primary_key]
# Months until a file is looked through again, by the bank's risk grade (membership_site/keeping_files.py); without one, these.
REVIEW_MONTHS = 36
Held = dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A fact of a member as it stands: its value in clear ("" where it is not held), source, day, and whether it may be used."""

    fact: Fact
    value: str = ""
    source: str = ""
    told_on: datetime.date | None = None
    is_stale: bool = False
    is_withheld: bool = False

    @property
    def source_label(self) -> str:
        return str(FactSource(self.source).label) if self.source else ""

    @property
    def worded(self) -> str:
        """Return the value as people read it; for the member himself and for who may see it in clear."""
        return self.fact.worded(self.value)

    @property
    def masked(self) -> str:
        """Return what everybody who sees the member may see of it."""
        return self.fact.masked(self.value)


@dataclasses.dataclass
class Book:
    """One member's file, opened. `gone` are the codes no longer held, `changes` by code the source, and the value before and after."""

    member_id: int
    person: PersonalData
    is_new: bool = True
    is_erased: bool = False
    values: dict[str, str] = dataclasses.field(default_factory=dict)
    held: Held = dataclasses.field(default_factory=dict)
    version: int = 0
    review_months: int = REVIEW_MONTHS
    gone: set[str] = dataclasses.field(default_factory=set)
    changes: dict[str, tuple[str, str, str]] = dataclasses.field(default_factory=dict)
    touched: set[str] = dataclasses.field(default_factory=set)

    @classmethod
    def of(cls, member: Member) -> "Book":
        """Return the book of a member who comes with person and file."""
        return cls.opened(member.pk, getattr(member, "person", None), getattr(member, "file", None))

    @classmethod
    def opened(cls, member_id: int, person: Person | None, file: MemberFile | None) -> "Book":
        """Return the book of what is stored of a member, if anything is."""
        is_erased = person is not None and person.wrapped_key is None
        data = open_person(person) if person and not is_erased else PersonalData()
        book = cls(member_id=member_id, person=data, is_new=person is None, is_erased=is_erased)
        if file is not None:
            values = open_document(data.file_key, file.sealed, bound_to=f"file:{member_id}")
            book.values, book.held, book.version = values or {}, dict(file.held), file.version
            between = (file.due_on.year - file.reviewed_on.year) * 12 + file.due_on.month - file.reviewed_on.month
            book.review_months = max(between, 1)
        return book

    def value(self, code: str) -> str:
        """Return what is known under a code, "" where nothing is."""
        return str(getattr(self.person, code) or "") if code in IDENTITY else self.values.get(code, "")

    def put(self, values: dict[str, str], *, source: str, told_on: datetime.date) -> list[str]:
        """Take values over, "" to take one out; return the codes that changed or were told later than before."""
        changed = []
        for code, value in values.items():
            before = self.value(code)
            since = self.held.get(code, {}).get("on", "")
            if value == before and (not value or since >= f"{told_on}"):
                continue
            self._set(code, value)
            self.changes[code] = (source, before, value)
            if value:
                self._hold(code, source=source, on=told_on)
            else:
                self._drop(code)
            changed.append(code)
        return changed

    def note(self, codes: Iterable[str], *, source: str, on: datetime.date) -> None:
        """Write down since when parts of the identity are held, which another verb has changed; what is empty is held no more."""
        for code in codes:
            if self.value(code):
                self._hold(code, source=source, on=on)
            else:
                self._drop(code)

    def tell_anew(self, codes: Iterable[str], *, on: datetime.date) -> None:
        """Let what is held count as told on a day, from whom it was."""
        for code in codes:
            self._hold(code, source=self.held[code]["source"], on=on)

    def due_after(self, day: datetime.date) -> datetime.date:
        """Return when the file is due for review again after a day on which it was looked through."""
        return add_months(day, self.review_months)

    def _set(self, code: str, value: str) -> None:
        if code not in IDENTITY:
            self.values = {**self.values, code: value} if value else {k: v for k, v in self.values.items() if k != code}
            return
        is_date = code == "birth_date"
        part: dict[str, Any] = {code: (datetime.date.fromisoformat(value) if value else None) if is_date else value}
        self.person = dataclasses.replace(self.person, **part)
        if code == "full_name":
            self.person = dataclasses.replace(self.person, pinyin=pinyin_of(value))

    def _hold(self, code: str, *, source: str, on: datetime.date) -> None:
        self.held[code] = {"source": source, "on": f"{on}", "purpose": str(FACTS[code].purpose)}
        self.touched.add(code)
        self.gone.discard(code)

    def _drop(self, code: str) -> None:
        self.held.pop(code, None)
        self.touched.discard(code)
        self.gone.add(code)


def books_of(member_ids: Sequence[int]) -> dict[int, Book]:
    """Return the books of members, by id; two queries."""
    people, files = Person.objects.in_bulk(member_ids), MemberFile.objects.in_bulk(member_ids)
    return {one: Book.opened(one, people.get(one), files.get(one)) for one in member_ids}


def agreed(member_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """Return the purposes to which each member's last word was a yes, whatever the version; one query."""
    said = (
        Consent.objects.filter(member__in=member_ids).latest_each().values_list("member_id", "text__purpose", "given")
    )
    yes: dict[int, set[str]] = {}
    for member_id, purpose, given in said:
        if given:
            yes.setdefault(member_id, set()).add(purpose)
    return {member_id: frozenset(purposes) for member_id, purposes in yes.items()}


def known_of(book: Book, *, said: frozenset[str], on: datetime.date) -> list[Known]:
    """Return every fact of the catalogue as a book holds it, for who has agreed to the purposes `said`."""
    found = []
    for fact in CATALOGUE:
        held = book.held.get(fact.code)
        if held is None or book.is_erased:
            # Kept before files were: it is shown, and counts as missing until somebody tells since when it holds.
            found.append(Known(fact=fact, value="" if book.is_erased else book.value(fact.code)))
            continue
        told_on = datetime.date.fromisoformat(held["on"])
        is_withheld = not fact.rests_on_membership and fact.purpose not in said
        is_stale = bool(fact.fresh_months) and add_months(told_on, fact.fresh_months or 0) <= on
        value = "" if is_withheld else book.value(fact.code)
        found.append(
            Known(
                fact=fact,
                value=value,
                source=held["source"],
                told_on=told_on,
                is_stale=is_stale,
                is_withheld=is_withheld,
            )
        )
    return found


def tag_of(book: Book, known: Sequence[Known]) -> str:
    """Return a short text that changes with the file's version and with what of it may be shown."""
    withheld = ",".join(one.fact.code for one in known if one.is_withheld)
    return hashlib.sha256(f"{book.member_id}:{book.version}:{withheld}".encode()).hexdigest()[:32]


def with_new_contacts(books: Sequence[Book]) -> list[int]:
    """Return the members whose books change their phone number or mail address."""
    return [
        book.member_id
        for book in books
        if any(old != new for code, (_source, old, new) in book.changes.items() if code in CONTACTS)
    ]


def write(books: Sequence[Book], *, today: datetime.date, at: datetime.datetime, event: AuditEvent) -> None:
    """Write opened books back: three statements, however many. Each change leaves its values, sealed, beside the event that tells it."""
    for book in books:
        if (book.values or book.changes) and not book.person.file_key:
            book.person = dataclasses.replace(book.person, file_key=new_file_key())
    people = [seal_person(book.member_id, book.person) for book in books if not book.is_erased]
    Person.objects.bulk_create(people, update_conflicts=True, unique_fields=["member"], update_fields=PERSON_COLUMNS)
    keep(books, today=today)
    FactChange.objects.bulk_create(
        [
            FactChange(
                member_id=book.member_id,
                code=code,
                source=source,
                at=at,
                sealed=seal_document(book.person.file_key, [old, new], bound_to=f"change:{book.member_id}"),
                event=event,
            )
            for book in books
            for code, (source, old, new) in book.changes.items()
        ],
        batch_size=1_000,
    )


def note(books: Sequence[Book], *, today: datetime.date) -> None:
    """Write since when parts of the identity are held that another verb has changed, and score the files; two statements."""
    noted = [book for book in books if book.touched or book.gone]
    keep(noted, today=today, documents=False)
    scoring.score(members=[book.member_id for book in noted], as_of=today)


def keep(books: Sequence[Book], *, today: datetime.date, documents: bool = True) -> None:
    """Write what books hold since when, and their `documents`; one statement, and none for none."""
    if not books:
        return
    sealed = [
        seal_document(book.person.file_key, book.values, bound_to=f"file:{book.member_id}").hex()
        if documents and book.person.file_key
        else None
        for book in books
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            statement("members", "keep_facts"),
            {
                "members": [book.member_id for book in books],
                # What is held no more goes as null, and is stripped.
                "held": [
                    json.dumps(dict.fromkeys(book.gone) | {code: book.held[code] for code in book.touched})
                    for book in books
                ],
                "sealed": sealed,
                "today": today,
                "months": REVIEW_MONTHS,
            },
        )
