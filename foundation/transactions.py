"""Honest transactions: the edge opens one with `commit`, a verb only asserts that it stands in one."""

import functools
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

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
        here = connections[DEFAULT_DB_ALIAS]
        if not here.in_atomic_block and not any(isinstance(around, OneStatement) for around in here.execute_wrappers):
            raise RuntimeError(
                f"{verb.__module__}.{verb.__qualname__} must stand in a transaction: use transactions.commit"
            )
        return verb(*args, **kwargs)

    return guarded


def one_statement(where: Callable[..., bool]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a verb that says one statement to the database and no more, where `where` says so of its arguments.

    Such a call, committed by itself, spares the database's BEGIN and COMMIT: one trip instead of three.
    """

    def mark(verb: Callable[P, R]) -> Callable[P, R]:
        verb.is_one_statement = where  # type: ignore[attr-defined]
        return verb

    return mark


class OneStatement:
    """A transaction that is one statement, which the database commits or rolls back itself; a second raises RuntimeError unsaid."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.said = False

    def __enter__(self) -> None:
        # What Django says to a new connection is said before, not within.
        self.connection.close_if_health_check_failed()
        self.connection.ensure_connection()
        self.connection.execute_wrappers.append(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.execute_wrappers.remove(self)
        if kind is not None:  # a connection that broke is made anew the next time, as it is after a transaction
            self.connection.close_if_unusable_or_obsolete()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Say the statement, as a wrapper of Django's around every statement of the connection."""
        if self.said:
            raise RuntimeError("a verb marked as one statement says a second: it needs a transaction")
        self.said = True
        return execute(sql, params, many, context)


class Once(Protocol):
    """A request that is answered once: it runs the verb, or gives what the verb answered the first time (foundation/idempotency)."""

    def once(self, verb: Callable[..., Any], **arguments: Any) -> Any:
        """Return the verb's answer, now or then."""


def commit(verb: Callable[..., R], *, idempotency: Once | None = None, **arguments: Any) -> R:
    """Run `verb(**arguments)` in one durable transaction; repeat it whole when the database asks for that, 8 times at most.

    With `idempotency` the verb gives an Answer, which is kept in the same transaction and given again to the same request.
    """
    run = functools.partial(idempotency.once, verb) if idempotency else verb
    here = connections[DEFAULT_DB_ALIAS]
    # Inside a transaction no call is one of its own: there `durable` refuses it.
    where = None if idempotency or here.in_atomic_block else getattr(verb, "is_one_statement", None)
    is_alone = where is not None and where(**arguments)
    for attempt in range(1, TRIES + 1):
        try:
            with OneStatement(here) if is_alone else transaction.atomic(durable=True):
                return run(**arguments)
        except (OperationalError, Again) as error:
            is_asked = isinstance(error, Again) or getattr(error.__cause__, "pgcode", None) in RETRIED
            if not is_asked or attempt == TRIES:
                raise
            # By chance, so that who lost against each other don't meet again.
            time.sleep(0.01 * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # nosec B311
    raise AssertionError("unreachable")
