"""Exporting the trail as a file that proves itself: JSON lines, the last of which signs all before it (docs/audit.md)."""

import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation import signing
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.audit.searching import within
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

FORMAT = "audit-1"
CHUNK = 2_000
MOST_DAYS = 366


class DatesRefused(Refusal):
    code = "dates_refused"
    status = 400
    sentence = _("Give a first and a last date, a year apart at most.")


@in_transaction
def begin(*, first: datetime.date, last: datetime.date, actor: Actor, at: datetime.datetime) -> dict[str, Any]:
    """Leave the trail of an export and return its head: the dates, who exports, when. Refuses dates_refused."""
    if not 0 <= (last - first).days <= MOST_DAYS:
        raise DatesRefused(field="last")
    dates = {"from": f"{first}", "to": f"{last}"}
    record(verb="audit.export", actor=actor, subject_kind="audit", subject_id=f"{first}..{last}", at=at, new=dates)
    by = actor.user.username if actor.user else actor.system
    return {"format": FORMAT, **dates, "exported_at": at.isoformat(), "exported_by": by}


def lines(head: dict[str, Any], *, at: datetime.datetime) -> Iterator[bytes]:
    """Give the file of a `head`: itself, the events recorded before `at` in order, and the line that signs them; memory stays small."""
    digest, events = hashlib.sha256(), 0
    first, last = (datetime.date.fromisoformat(head[name]) for name in ("from", "to"))
    line = _line(head)
    digest.update(line)
    yield line
    for event in _events(first=first, last=last, before=at):
        line = _line(_kept(event))
        digest.update(line)
        events += 1
        yield line
    key, signature = signing.sign(digest.digest())
    yield _line({"events": events, "sha256": digest.hexdigest(), "key": key, "signature": signature})


def verify(file: Iterable[bytes]) -> int:
    """Return how many events a file holds that is whole and signed by the bank; raises ValueError, saying what is wrong."""
    digest, count, last = hashlib.sha256(), -1, b""
    for line in file:
        if last:
            digest.update(last)
            count += 1
        last = line
    try:
        said = json.loads(last)
        key, signature = said["key"], said["signature"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("the last line signs nothing: the file was cut off") from error
    if said["sha256"] != digest.hexdigest() or said["events"] != count:
        raise ValueError("the lines are not those that were signed")
    if not signing.signed(digest.digest(), key=key, signature=signature):
        raise ValueError("the signature is not the bank's")
    return count


def _events(*, first: datetime.date, last: datetime.date, before: datetime.datetime) -> Iterator[AuditEvent]:
    """Give the events of the dates in order, by keyset pages."""
    events = within(AuditEvent.objects.filter(at__lt=before), first=first, last=last)
    rows = events.select_related("actor").order_by("at", "id")
    page = list(rows[:CHUNK])
    while page:
        yield from page
        end = page[-1]
        page = list(rows.filter(Q(at__gt=end.at) | Q(at=end.at, id__gt=end.pk))[:CHUNK])


def _kept(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": f"{event.pk}",
        "at": event.at.isoformat(),
        "verb": event.verb,
        "actor": event.actor.username if event.actor else None,
        "employee_number": event.actor.employee_number if event.actor else None,
        "system": event.system,
        "subject": [event.subject_kind, event.subject_id],
        "old": event.old,
        "new": event.new,
        "reason": event.reason,
        "address": event.address,
        "request_id": event.request_id,
    }


def _line(what: dict[str, Any]) -> bytes:
    return f"{json.dumps(what, ensure_ascii=False, sort_keys=True, separators=(',', ':'))}\n".encode()
