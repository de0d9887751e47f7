"""What several people tell of one member at once is all kept; beside the naive twin, where the last one's file covers the others'."""

import threading

from foundation import transactions
from foundation.actors import Actor
from members import knowing
from members.file_books import books_of, write
from members.files import FactChange, MemberFile
from members.models import Member
from members.sealing import open_document, open_person
from tests.factories import UserFactory
from tests.members.cast import NOON, TODAY, known, open_bank
from tests.races.test_night import at_once

TOLD = {"post": "Clerk", "employer": "Dockyard", "address": "1 Harbour Road", "preferred_channel": "sms"}


def member() -> Member:
    open_bank()
    return known()


def put(one: Member, actor: Actor, facts: dict[str, str]) -> list[str]:
    said = {"source": "told", "told_on": TODAY, "today": TODAY, "at": NOON, "actor": actor}
    return transactions.commit(knowing.put, member_id=one.pk, facts=facts, **said)


def values(one: Member) -> dict[str, str]:
    return books_of([one.pk])[one.pk].values


def test_four_facts_told_at_once_are_all_kept(committed):
    li, actor = member(), Actor(user=UserFactory())

    at_once(*[lambda code=code: put(li, actor, {code: TOLD[code]}) for code in TOLD])

    assert values(li) == TOLD
    assert MemberFile.objects.get().version == 4
    key = open_person(Member.objects.get(pk=li.pk).person).file_key
    opened = [open_document(key, one.sealed, bound_to=f"change:{li.pk}") for one in FactChange.objects.order_by("code")]
    assert opened == [["", TOLD[code]] for code in sorted(TOLD)]


def test_two_facts_told_at_once_naively_leave_one(committed):
    """Both open the file before either has written it, and the second writes over the first."""
    li, actor = member(), Actor(user=UserFactory())
    put(li, actor, {"referrer": "M1"})
    event = FactChange.objects.get().event
    together = threading.Barrier(2)

    def write_without_lock(code: str) -> None:
        book = books_of([li.pk])[li.pk]
        together.wait(timeout=30)
        book.put({code: TOLD[code]}, source="told", told_on=TODAY)
        write([book], today=TODAY, at=NOON, event=event)

    at_once(lambda: write_without_lock("post"), lambda: write_without_lock("employer"))

    assert len(values(li)) == 2
