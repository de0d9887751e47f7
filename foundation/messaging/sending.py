"""Sending messages by the outbox: what is owed names what it is about; who it goes to is looked up, unsealed, as it is sent."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from django.conf import settings

from foundation.actors import Actor
from foundation.messaging.providers import Message, provider
from foundation.outbox.models import Obligation
from foundation.outbox.owing import Owed, owe
from foundation.transactions import in_transaction

TOPIC = "messages.send"
# Whom an obligation belongs to while he is no member yet.
NOBODY_YET = 0


class Writer(Protocol):
    """What writes the messages of one kind: given the obligations, it returns a message each, None where there is nothing to send."""

    def __call__(self, owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]: ...


_writers: dict[str, Writer] = {}


def register(*, kind: str, write: Writer) -> None:
    """Let `write` write the messages of a kind; a second writer of one kind is a mistake in the code."""
    if _writers.setdefault(kind, write) is not write:
        raise RuntimeError(f"{kind} has a writer already: {_writers[kind]}")


@in_transaction
def owe_message(*, kind: str, key: str, member_id: int = NOBODY_YET, about: str = "") -> None:
    """Owe one message of a kind, once under its key; `about` is the id of what it is about, and nothing personal."""
    owe([Owed(member_id=member_id, key=key, payload={"kind": kind, "about": about})], topic=TOPIC)


@in_transaction
def send(owed: Sequence[Obligation], *, at: datetime.datetime, actor: Actor) -> None:
    """Write and send what is owed, kind by kind; raises where the provider does, and the outbox tries again."""
    kinds: dict[str, list[Obligation]] = {}
    for obligation in owed:
        kinds.setdefault(obligation.payload["kind"], []).append(obligation)
    carrier = provider(settings.MESSAGES_PROVIDER)
    for kind, together in kinds.items():
        for message in _writers[kind](together, at=at):
            if message is not None:
                carrier.send(message)
