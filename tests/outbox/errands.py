"""A topic to test with: each obligation is an errand, done by writing its member's number down."""

from collections.abc import Sequence
from typing import Any

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox import relaying
from foundation.outbox.models import Obligation
from foundation.outbox.owing import Owed, owe
from members.models import Member

TOPIC = "test.errand"
CLERK = Actor.job("test")


class Poisoned(Exception):
    """An errand that can't be done."""


class Errands:
    """The handler: notes whom it was called for, batch by batch; raises for those in `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.poison: set[int] = set()

    def __call__(self, owed: Sequence[Obligation], **_context: Any) -> None:
        members = [one.member_id for one in owed]
        self.batches.append(members)
        if self.poison & set(members):
            raise Poisoned("this can't be done\nand a second line")
        # A trace in the database, so that what is rolled back is seen to be.
        Member.objects.filter(pk__in=members).update(closed_on="2026-03-02", status="closed")

    @property
    def done(self) -> set[int]:
        return set(Member.objects.filter(status="closed").values_list("pk", flat=True))


def owe_errands(*member_ids: int, key: str = "1") -> int:
    """Owe an errand to each member, in a transaction of its own; return how many were new."""
    batch = [Owed(member_id=pk, key=key, payload={"errand": key}) for pk in member_ids]
    return transactions.commit(owe, batch=batch, topic=TOPIC)


def relay() -> dict[str, int]:
    return relaying.relay(at=clock.now(), actor=CLERK)


def pauses_are_over() -> None:
    """Let the time pass that failed obligations wait."""
    Obligation.objects.waiting().update(not_before=clock.now())
