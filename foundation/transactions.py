"""Honest transactions: the edge opens one with `commit`, a verb only asserts that it stands in one."""

import functools
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

# 40001 serialization_failure, 40P01 deadlock_detected: the database asks for the same thing once more.
RETRIED = {"40001", "40P01"}
TRIES = 8


class Again(Exception):
    """What a verb read is no longer so: its whole transaction is to be run once more, as for a serialization failure."""


def in_transaction(verb: Callable[P, R]) -> Callable[P, R]:
    """Mark a verb that writes: called outside a transaction, it raises RuntimeError before its first line."""

    @functools.wraps(verb)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:
            raise RuntimeError(
                f"{verb.__module__}.{verb.__qualname__} must stand in a transaction: use transactions.commit"
            )
        return verb(*args, **kwargs)

    return guarded


class Once(Protocol):
    """A request that is answered once: it runs the verb, or gives what the verb answered the first time (foundation/idempotency)."""

    def once(self, verb: Callable[..., Any], **arguments: Any) -> Any:
        """Return the verb's answer, now or then."""


def commit(verb: Callable[..., R], *, idempotency: Once | None = None, **arguments: Any) -> R:
    """Run `verb(**arguments)` in one durable transaction; repeat it whole when the database asks for that, 8 times at most.

    With `idempotency` the verb gives an Answer, which is kept in the same transaction and given again to the same request.
    """
    run = functools.partial(idempotency.once, verb) if idempotency else verb
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic(durable=True):
                return run(**arguments)
        except (OperationalError, Again) as error:
            is_asked = isinstance(error, Again) or getattr(error.__cause__, "pgcode", None) in RETRIED
            if not is_asked or attempt == TRIES:
                raise
            # By chance, so that who lost against each other don't meet again.
            time.sleep(0.01 * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # nosec B311
    raise AssertionError("unreachable")
