"""Answering a request once, however often it comes (domain.md §7): kept in the transaction of what it did."""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.idempotency.models import KeptAnswer
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

KEPT = datetime.timedelta(hours=72)
SCOPE = ("member_id", "caller", "route", "key")


class RequestInFlight(Refusal):
    code = "request_in_flight"
    sentence = _("The same request is being worked on. Ask again in a moment.")
    retry_after_seconds = 1


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    sentence = _("This idempotency key came before with another request. Use a new key for a new request.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a caller is told: an HTTP status in the 200s and a body of JSON; `replayed` where it is the first answer again."""

    status: int
    body: str
    replayed: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request under its key: who calls (`client 3`, `user 7`), for which member, on which route, and what it asks.

    `at` is the instant of the edge: answers older than KEPT by then count no more.
    """

    caller: str
    member_id: int
    route: str
    key: str
    fingerprint: str
    at: datetime.datetime

    @in_transaction
    def once(self, verb: Callable[..., Answer], **arguments: Any) -> Answer:
        """Run `verb(**arguments)` and keep its answer; where one is kept, return that instead.

        A refusal rolls back and so keeps nothing: its key is free. Three statements beside the verb's. Refuses
        request_in_flight while another transaction has the same key, idempotency_key_reused where the key came with
        another fingerprint.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [self._lock()])
            if not cursor.fetchone()[0]:
                raise RequestInFlight
        scope = {name: getattr(self, name) for name in SCOPE}
        kept = KeptAnswer.objects.filter(**scope, answered_at__gt=self.at - KEPT).first()
        if kept and kept.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        if kept:
            return Answer(status=kept.status, body=kept.body, replayed=True)
        answer = verb(**arguments)
        told = {"status": answer.status, "body": answer.body, "answered_at": self.at, "fingerprint": self.fingerprint}
        # One that is too old to count, and not purged yet, is written over.
        KeptAnswer.objects.bulk_create(
            [KeptAnswer(**scope, **told)], update_conflicts=True, unique_fields=SCOPE, update_fields=list(told)
        )
        return answer

    def _lock(self) -> int:
        """Return the number of the advisory lock on this scope: 64 bits of a hash."""
        scope = json.dumps([getattr(self, name) for name in SCOPE], ensure_ascii=False)
        return int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], signed=True)


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what is asked, as hex: of its canonical JSON, names in order, no blanks, in UTF-8.

    Taken from validated data, so that the order of fields, blanks, or `1.0` for `1` make no difference.
    """
    canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
