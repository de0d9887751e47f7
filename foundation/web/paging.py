"""Keyset pages: a cursor names the last row's key, so that a page never counts, skips or repeats."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _

from foundation.refusals import Refusal

Row = TypeVar("Row")
DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100


class CursorUnreadable(Refusal):
    code = "cursor_unreadable"
    status = 400
    sentence = _("This cursor is not one that we gave.")


def encode(key: Sequence[Any]) -> str:
    """Return an opaque cursor for a row's key (text, whole numbers, or dates as ISO text)."""
    return base64.urlsafe_b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str, *kinds: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the key in a cursor, each part read by its kind; refuse one that was not made by `encode`."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise CursorUnreadable(field="cursor") from error


def limit_of(raw: str | None) -> int:
    """Return the page size asked for, between 1 and 100; anything unreadable gives 20."""
    try:
        return max(1, min(int(raw or DEFAULT_LIMIT), HIGHEST_LIMIT))
    except ValueError:
        return DEFAULT_LIMIT


def page(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]]) -> tuple[list[Row], str | None]:
    """Split `limit + 1` fetched rows into the page and the cursor of the next one (None at the end)."""
    shown = list(rows[:limit])
    return shown, encode(key(shown[-1])) if len(rows) > limit else None
