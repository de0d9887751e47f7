"""Honest transactions: the edge opens one with `commit`, a verb only asserts that it stands in one."""

import functools
import time
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

# 40001 serialization_failure, 40P01 deadlock_detected: the database asks for the same thing once more.
RETRIED = {"40001", "40P01"}
TRIES = 5


def in_transaction(verb: Callable[P, R]) -> Callable[P, R]:
    """Mark a verb that writes: called outside a transaction, it raises RuntimeError before its first line."""

    @functools.wraps(verb)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block and not OneStatement.is_open():
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
    """A transaction that is one statement, committed or rolled back by the database itself; a second raises RuntimeError unsaid."""

    said = False

    def __enter__(self) -> None:
        connection.execute_wrappers.append(self)

    def __exit__(self, *raised: object) -> None:
        connection.execute_wrappers.remove(self)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Say the statement, as a wrapper of Django's around every statement of the connection."""
        if self.said:
            raise RuntimeError("a verb marked as one statement says a second: it needs a transaction")
        self.said = True
        return execute(sql, params, many, context)

    @staticmethod
    def is_open() -> bool:
        """Say whether the connection stands in such a transaction."""
        return any(isinstance(wrapper, OneStatement) for wrapper in connection.execute_wrappers)


class Once(Protocol):
    """A request that is answered once: it runs the verb, or gives what the verb answered the first time (foundation/idempotency)."""

    def once(self, verb: Callable[..., Any], **arguments: Any) -> Any:
        """Return the verb's answer, now or then."""


def commit(verb: Callable[..., R], *, idempotency: Once | None = None, **arguments: Any) -> R:
    """Run `verb(**arguments)` in one durable transaction; repeat it whole when the database asks for that, 5 times at most.

    With `idempotency` the verb gives an Answer, which is kept in the same transaction and given again to the same request.
    """
    run = functools.partial(idempotency.once, verb) if idempotency else verb
    is_alone = idempotency is None and _is_one_statement(verb, arguments)
    for attempt in range(1, TRIES + 1):
        try:
            with OneStatement() if is_alone else transaction.atomic(durable=True):
                return run(**arguments)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in RETRIED or attempt == TRIES:
                raise
            time.sleep(0.01 * 2**attempt)
    raise AssertionError("unreachable")


def _is_one_statement(verb: Callable[..., Any], arguments: dict[str, Any]) -> bool:
    """Say whether the call is one statement and would be a transaction of its own; inside another, it is none and may not be."""
    where = getattr(verb, "is_one_statement", None)
    return where is not None and not connection.in_atomic_block and where(**arguments)
