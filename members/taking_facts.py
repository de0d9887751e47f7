"""Taking facts in as the core bank reports them, by file or API: one path for one and for ten thousand."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Sequence

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.transactions import in_transaction
from members import scoring, waking
from members.facts import FACTS
from members.file_books import agreed, books_of, with_new_contacts, write
from members.files import FactSource
from members.models import Member
from members.reports import well_dated


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FactReport:
    """One fact of a member as the core bank knows it, told on a day (without one: today); an empty value takes it out."""

    member_number: str
    fact: str
    value: str = ""
    told_on: datetime.date | None = None

    def fault(self, *, today: datetime.date) -> str:
        """Return the code of what is wrong in itself, "" for nothing."""
        fact = FACTS.get(self.fact)
        if fact is None:
            return "unknown_fact"
        if self.told_on is not None and not (well_dated(self.told_on) and self.told_on <= today):
            return "invalid_told_on"
        try:
            read = fact.read(self.value)
            if self.fact == "birth_date" and read and datetime.date.fromisoformat(read) > today:
                return "invalid_fact"
        except ValueError:
            return "invalid_fact"
        return ""


@in_transaction
def take(batch: Sequence[FactReport], *, today: datetime.date, at: datetime.datetime, actor: Actor) -> list[str]:
    """Write the facts reported, each by itself; a constant number of statements a batch of at most some 10,000.

    Returns an outcome a report: recorded, unchanged; superseded where the batch holds a later row of that fact; older where
    somebody has told it since; no_consent where the member has not agreed to what it would be held under; unknown_member,
    erased, or the report's fault.
    """
    outcomes = [report.fault(today=today) for report in batch]
    numbers = {report.member_number for report, fault in zip(batch, outcomes, strict=True) if not fault}
    # Rows are locked in the order of their keys, as everywhere.
    locked = Member.objects.filter(number__in=numbers).select_for_update().order_by("pk")
    ids = {member.number: member.pk for member in locked}
    books, said = books_of(list(ids.values())), agreed(list(ids.values()))
    last = {(report.member_number, report.fact): seq for seq, report in enumerate(batch) if not outcomes[seq]}
    for seq, report in enumerate(batch):
        if outcomes[seq]:
            continue
        member_id, fact, told_on = ids.get(report.member_number), FACTS[report.fact], report.told_on or today
        book = books.get(member_id) if member_id else None
        if book is None:
            outcomes[seq] = "unknown_member"
        elif last[report.member_number, report.fact] != seq:
            outcomes[seq] = "superseded"
        elif book.is_erased:
            outcomes[seq] = "erased"
        elif not fact.rests_on_membership and fact.purpose not in said.get(book.member_id, frozenset()):
            outcomes[seq] = "no_consent"
        elif book.held.get(report.fact, {}).get("on", "") > f"{told_on}":
            outcomes[seq] = "older"
        else:
            put = book.put({report.fact: fact.read(report.value)}, source=FactSource.CORE, told_on=told_on)
            outcomes[seq] = "recorded" if put else "unchanged"
    changed = [book for book in books.values() if book.changes]
    if changed:
        ids_changed = [book.member_id for book in changed]
        event = record(
            verb="taking_facts.take",
            actor=actor,
            subject_kind="members",
            subject_id=f"{min(ids_changed)}-{max(ids_changed)}",
            at=at,
            new=dict(Counter(outcomes)),
        )
        write(changed, today=today, at=at, event=event)
        waking.note_new_contacts(with_new_contacts(changed), at=at, actor=actor)
        scoring.score(members=ids_changed, as_of=today)
    return outcomes
