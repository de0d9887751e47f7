"""Who carries a message out of the house: one interface; a console and a file for demonstration and tests.

The bank's own provider is a class of this shape, named by MESSAGES_PROVIDER as `package.module.Class`. Nothing of ours leaves the host.
"""

import dataclasses
import functools
import json
import os
import sys
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

SMS, MAIL = "sms", "mail"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message:
    """A text to one phone number (`sms`) or mail address (`mail`); `key` is the same when it is sent again. Never logged."""

    key: str
    via: str
    to: str
    text: str
    subject: str = ""


class Provider(Protocol):
    """What sends a message, or raises: then it is tried again later, under the same key."""

    def send(self, message: Message) -> None:
        """Send one message; the provider should know by its key what it has sent already."""


class Console:
    """Prints what would be sent on standard error."""

    def send(self, message: Message) -> None:
        print(f"[{message.via} to {message.to}] {message.subject} {message.text}", file=sys.stderr, flush=True)


class File:
    """Writes what would be sent as a line of JSON into the file MESSAGES_FILE, which only its owner reads."""

    def send(self, message: Message) -> None:
        path = Path(settings.MESSAGES_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(dataclasses.asdict(message), ensure_ascii=False) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(line)


class NoProvider(Exception):
    """No provider is configured: what is owed waits in the outbox until one is."""


class Nobody:
    """Sends nothing and says so: production without a provider of the bank's own."""

    def send(self, message: Message) -> None:
        raise NoProvider("MESSAGES_PROVIDER is off: no message leaves the house")


@functools.cache
def provider(name: str) -> Provider:
    """Return the provider of that name: console, file, off, or the dotted path of the bank's own class."""
    ours: dict[str, type[Provider]] = {"console": Console, "file": File, "off": Nobody}
    made: Provider = (ours.get(name) or import_string(name))()
    return made
