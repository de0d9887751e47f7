"""Ids made before the row is written, in the order of time (RFC 9562, version 7)."""

import datetime
import secrets
import uuid

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def uuid7(at: datetime.datetime) -> uuid.UUID:
    """Return a new id of the instant `at`: its milliseconds, then 74 random bits."""
    milliseconds = (at - EPOCH) // datetime.timedelta(milliseconds=1)
    random = secrets.randbits(74)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1)
