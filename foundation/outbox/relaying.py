"""Relaying: doing what is owed. Safe at any time, by any number of workers, however often rung (docs/adr/0009)."""

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.outbox.models import Obligation
from foundation.outbox.subscribing import subscribed
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

BATCH = 200
MOST_ATTEMPTS = 10
CLOCK = Func(function="clock_timestamp")

log = structlog.get_logger(__name__)


class NotQuarantined(Refusal):
    code = "not_quarantined"
    sentence = _("This obligation is not quarantined: it is done, or is tried again by itself.")


def is_due() -> bool:
    """Tell whether anything is due that somebody has subscribed to."""
    due = Obligation.objects.waiting().filter(topic__in=subscribed(), not_before__lte=CLOCK)
    return due.exists()


def relay(*, at: datetime.datetime, actor: Actor) -> dict[str, int]:
    """Do everything that is due, batch by batch, each in its own transaction; return how many are `done` and `failed`.

    A topic's fresh obligations go in batches of BATCH; a batch that fails is tried one by one, so that a poisoned row hurts
    nobody beside it. What was tried before goes alone: it may be what killed a worker.
    """
    counts = Counter(done=0, failed=0)
    moved = True
    while moved:  # what is done may owe something else
        moved = False
        for topic in subscribed():
            for again, size in ((False, BATCH), (True, 1)):
                while (ids := transactions.commit(claim, topic=topic, again=again, size=size)) is not None:
                    moved = True
                    counts.update(_deliver(topic, ids, at=at, actor=actor))
    return dict(counts)


@in_transaction
def claim(*, topic: str, again: bool, size: int) -> list[UUID] | None:
    """Claim up to `size` due obligations, fresh ones or those tried before (`again`); return their ids, None where none is due.

    The claim counts as an attempt before the work begins, so that a row that kills its worker is quarantined in the end.
    """
    arguments: dict[str, Any] = {"topic": topic, "again": again, "size": size, "most": MOST_ATTEMPTS}
    with connection.cursor() as cursor:
        cursor.execute(statement("foundation.outbox", "claim"), arguments)
        claimed = cursor.fetchall()
    return [pk for pk, is_ours in claimed if is_ours] if claimed else None


@in_transaction
def handle(*, topic: str, ids: Sequence[UUID], at: datetime.datetime, actor: Actor) -> int:
    """Let the topic's handler do these obligations and mark them done, both or neither; return how many there were.

    What is done already is left out. It waits for rows in other hands: a claim that comes a moment late locks them for that
    moment, before it sees that they are taken, and leaving them out then would leave them undone until their pause is over.
    """
    open_ones = Obligation.objects.waiting().filter(pk__in=ids).order_by("member_id", "key")
    owed = list(open_ones.select_for_update())
    if owed:
        subscribed()[topic](owed, at=at, actor=actor)
        Obligation.objects.filter(pk__in=[one.pk for one in owed]).update(done_at=CLOCK, last_error="")
    return len(owed)


@in_transaction
def note_failure(*, obligation_id: UUID, error: Exception) -> None:
    """Write down why an obligation failed; after MOST_ATTEMPTS attempts it is quarantined, for people to look at."""
    first_line = (str(error).splitlines() or [""])[0]
    failed = Obligation.objects.waiting().filter(pk=obligation_id)
    failed.update(last_error=f"{type(error).__name__}: {first_line}"[:400])
    failed.filter(Q(attempts__gte=MOST_ATTEMPTS)).update(quarantined_at=CLOCK)


@in_transaction
def try_again(*, obligation: Obligation, at: datetime.datetime, actor: Actor) -> None:
    """Take an obligation out of quarantine, due at once with all its attempts; refuses not_quarantined."""
    quarantined = Obligation.objects.filter(pk=obligation.pk, quarantined_at__isnull=False)
    if not quarantined.update(quarantined_at=None, attempts=0, not_before=at):
        raise NotQuarantined
    record(
        verb="outbox.try_again",
        actor=actor,
        subject_kind="obligation",
        subject_id=obligation.pk,
        at=at,
        old={"attempts": obligation.attempts, "last_error": obligation.last_error},
    )


def _deliver(topic: str, ids: Sequence[UUID], *, at: datetime.datetime, actor: Actor) -> Counter[str]:
    """Do a claimed batch, each alone where it fails as a whole."""
    try:
        return Counter(done=transactions.commit(handle, topic=topic, ids=ids, at=at, actor=actor))
    except Exception as error:
        if not connection.is_usable():
            raise
        if len(ids) == 1:
            log.exception("obligation failed", topic=topic, obligation=f"{ids[0]}")
            transactions.commit(note_failure, obligation_id=ids[0], error=error)
            return Counter(failed=1)
    counts: Counter[str] = Counter()
    for pk in ids:
        counts.update(_deliver(topic, [pk], at=at, actor=actor))
    return counts
