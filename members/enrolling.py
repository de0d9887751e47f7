"""Enrolling members and opening their accounts as the core bank reports them: one path for one and for ten thousand."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from django.db import connection

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.querying import copy_rows, statement
from foundation.transactions import in_transaction
from members import waking
from members.facts import IDENTITY
from members.file_books import PERSON_COLUMNS, Book, note
from members.files import FactSource
from members.models import Person
from members.reports import AccountReport, MemberReport
from members.sealing import PersonalData, open_person, pinyin_of, seal_person

CHANGED = {"enrolled", "updated"}


@in_transaction
def enrol(batch: Sequence[MemberReport], *, at: datetime.datetime, actor: Actor) -> list[str]:
    """Enrol the members that are new by number and bring the others up to the report; open the accounts they come with.

    Returns an outcome a report: enrolled, updated, unchanged; superseded where the batch holds a later row of that number;
    unknown_branch, or the report's fault. Accounts of a refused member are not opened. At most some 10,000 a batch.
    """
    outcomes = [report.fault() for report in batch]
    staged = [(seq, report) for seq, report in enumerate(batch) if not outcomes[seq]]
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "stage_members"))
        rows = ((seq, report.number, report.branch_code, report.joined_on) for seq, report in staged)
        copy_rows(cursor, table="member_stage", columns=("seq", "number", "branch_code", "joined_on"), rows=rows)
        cursor.execute(statement("members", "enrol_members"))
        cursor.execute(statement("members", "update_members"))
        cursor.execute("SELECT seq, outcome, member_id FROM member_stage")
        answers = cursor.fetchall()
    member_ids = {}
    for seq, outcome, member_id in answers:
        outcomes[seq] = outcome
        if member_id is not None:
            member_ids[seq] = member_id
    for seq in _keep_personal_data({seq: batch[seq] for seq in member_ids}, member_ids, at=at, actor=actor):
        outcomes[seq] = "updated" if outcomes[seq] == "unchanged" else outcomes[seq]
    open_accounts([account for seq in member_ids for account in _accounts_of(batch[seq])], actor=actor)
    _leave_trail(
        [(member_ids[seq], outcomes[seq]) for seq in member_ids if outcomes[seq] in CHANGED], at=at, actor=actor
    )
    return outcomes


@in_transaction
def open_accounts(batch: Sequence[AccountReport], *, actor: Actor) -> list[str]:
    """Open the accounts that are new by number, close those that are reported closed; facts, so that the report is the trail.

    Returns an outcome a report: opened, closed, unchanged; superseded where the batch holds a later row of that number;
    unknown_member, conflict, account_closed, or the report's fault. A closed account's balances are the affair of
    activity.recording.record_accounts.
    """
    outcomes = [report.fault() for report in batch]
    if not batch:
        return outcomes
    columns = ("seq", "number", "member_number", "account_class", "opened_on", "closed_on")
    rows = (
        (seq, *(getattr(report, column) for column in columns[1:]))
        for seq, report in enumerate(batch)
        if not outcomes[seq]
    )
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "stage_accounts"))
        copy_rows(cursor, table="account_stage", columns=columns, rows=rows)
        cursor.execute(statement("members", "open_accounts"))
        cursor.execute(statement("members", "close_accounts"))
        cursor.execute("SELECT seq, outcome FROM account_stage")
        for seq, outcome in cursor.fetchall():
            outcomes[seq] = outcome
    return outcomes


def _keep_personal_data(
    reports: Mapping[int, MemberReport], member_ids: Mapping[int, int], *, at: datetime.datetime, actor: Actor
) -> list[int]:
    """Seal what is reported of each person beside what stands, and since when; return the places of those whose data changed.

    A person whose key has been destroyed stays erased. Whose phone number or mail address is another now is noted.
    """
    reported = {seq: personal for seq, report in reports.items() if (personal := report.personal())}
    known = Person.objects.in_bulk([member_ids[seq] for seq in reported])
    people, changed, moved, books = [], [], [], []
    for seq, personal in reported.items():
        person = known.get(member_ids[seq])
        if person is not None and person.wrapped_key is None:
            continue
        before = open_person(person) if person else PersonalData()
        after = dataclasses.replace(before, **personal)
        if not after.pinyin or (after.full_name != before.full_name and "pinyin" not in personal):
            after = dataclasses.replace(after, pinyin=pinyin_of(after.full_name))
        if after != before:
            people.append(seal_person(member_ids[seq], after))
            changed.append(seq)
            if person and (after.phone, after.email) != (before.phone, before.email):
                moved.append(member_ids[seq])
            book = Book(member_id=member_ids[seq], person=after)
            book.note([code for code in IDENTITY if code in personal], source=FactSource.CORE, on=day_of(at))
            books.append(book)
    waking.note_new_contacts(moved, at=at, actor=actor)
    Person.objects.bulk_create(people, update_conflicts=True, unique_fields=["member"], update_fields=PERSON_COLUMNS)
    note(books, today=day_of(at))
    return changed


def _accounts_of(report: MemberReport) -> list[AccountReport]:
    return [dataclasses.replace(account, member_number=report.number) for account in report.accounts]


def _leave_trail(changed: Sequence[tuple[int, str]], *, at: datetime.datetime, actor: Actor) -> None:
    """Record one event a member changed by a person, one a batch by the system (domain.md §7)."""
    if actor.user:
        for member_id, outcome in changed:
            record(
                verb="members.enrol",
                actor=actor,
                subject_kind="member",
                subject_id=member_id,
                at=at,
                new={"outcome": outcome},
            )
    elif changed:
        member_ids = [member_id for member_id, outcome in changed]
        counts = {wanted: sum(outcome == wanted for member_id, outcome in changed) for wanted in sorted(CHANGED)}
        span = f"{min(member_ids)}-{max(member_ids)}"
        record(verb="members.enrol", actor=actor, subject_kind="members", subject_id=span, at=at, new=counts)
