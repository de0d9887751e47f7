"""Who does what is owed: each topic has one handler, named by its app as it starts."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from foundation.actors import Actor
from foundation.outbox.models import Obligation


class Handler(Protocol):
    """What does a batch of obligations of one topic, in one transaction; it raises where one of them can't be done.

    Work on many is one statement. It may be called again for what it has done once: a message can be doubled, a worker can die.
    """

    def __call__(self, owed: Sequence[Obligation], *, at: datetime.datetime, actor: Actor) -> None: ...


_handlers: dict[str, Handler] = {}


def subscribe(*, topic: str, handle: Handler) -> None:
    """Let `handle` do what is owed under `topic`; a second handler of one topic is a mistake in the code."""
    if _handlers.setdefault(topic, handle) is not handle:
        raise RuntimeError(f"{topic} has a handler already: {_handlers[topic]}")


def subscribed() -> dict[str, Handler]:
    """Return the handlers by topic; what is owed under any other topic waits until somebody subscribes."""
    return dict(_handlers)
