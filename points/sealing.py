"""Sealing: what was booked on a business date is digested, chained to the seal before it and signed (docs/seal.md)."""

import datetime
import hashlib
from collections.abc import Sequence
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction

from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from foundation.querying import statement
from foundation.signing import key_id
from foundation.transactions import in_transaction
from points import ledger
from points.models import Seal, SealedRange

FIRST_MEMBER, LAST_MEMBER = 1, 2**63 - 1

log = structlog.get_logger(__name__)


class RangesLeaveMembersOut(Exception):
    """The digested ranges of a date overlap or don't hold every member; such a date is not sealed."""


@in_transaction
def digest(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Digest what the members of one range were booked on a date that is closing; return the number of `entries`.

    The date of the first seal of all takes every earlier entry, too. A second time, or on a sealed date, nothing changes.
    Refuses business_date_not_closing.
    """
    if Seal.objects.filter(pk=business_date).exists():
        return {"entries": 0}
    _refuse_unless_closing(business_date)
    previous = before(business_date)
    arguments: dict[str, Any] = {
        "business_date": business_date,
        "first_member": first_member,
        "last_member": last_member,
        "after": previous.business_date if previous else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(with_line("digest_range"), arguments)
        return {"entries": sum(entries for [entries] in cursor.fetchall())}


@in_transaction
def seal(*, business_date: datetime.date, actor: Actor) -> dict[str, int]:
    """Make the one signed seal of a closing date out of the digests of its ranges; return the number of `entries`.

    A sealed date keeps its seal. Refuses business_date_not_closing; raises RangesLeaveMembersOut.
    """
    if Seal.objects.filter(pk=business_date).exists():
        return {"entries": 0}
    _refuse_unless_closing(business_date)
    ranges = list(SealedRange.objects.filter(business_date=business_date).order_by("first_member"))
    if not leave_nobody_out(ranges):
        raise RangesLeaveMembersOut(f"{business_date}")
    previous = before(business_date)
    key = Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY)
    made = Seal(
        business_date=business_date,
        previous=previous.digest if previous else "",
        entries=sum(part.entries for part in ranges),
        points=total(ranges),
        key_id=key_id(key.public_key()),
    )
    made.digest = digest_of(made, ranges)
    made.signature = key.sign(bytes.fromhex(made.digest)).hex()
    made.save(force_insert=True)
    # Whoever keeps the log elsewhere can tell that the last seals, with all that they sealed, were cut off.
    transaction.on_commit(lambda: log.info("sealed", business_date=f"{business_date}", digest=made.digest))
    return {"entries": made.entries}


def before(business_date: datetime.date) -> Seal | None:
    """Return the last seal before a date."""
    return Seal.objects.filter(business_date__lt=business_date).order_by("-business_date").first()


def with_line(name: str) -> str:
    """Return the SQL of a statement that digests entries, with the form of their lines put in."""
    return statement("points", name).replace("{line}", statement("points", "entry_line"))


def leave_nobody_out(ranges: Sequence[SealedRange]) -> bool:
    """Say whether ranges, in order, follow each other without gap or overlap from the first possible member to the last."""
    next_member = FIRST_MEMBER
    for part in ranges:
        if part.first_member != next_member:
            return False
        next_member = part.last_member + 1
    return next_member == LAST_MEMBER + 1


def total(ranges: Sequence[SealedRange]) -> dict[str, int]:
    """Return the sum of the points of each currency over ranges, by the currency's id."""
    sums: dict[str, int] = {}
    for part in ranges:
        for currency, points in part.points.items():
            sums[currency] = sums.get(currency, 0) + points
    return sums


def digest_of(made: Seal, ranges: Sequence[SealedRange]) -> str:
    """Return the SHA-256, as hexadecimal digits, of a seal's text: every other field of it and of its ranges, line by line."""
    lines = [
        f"date {made.business_date:%Y-%m-%d}",
        f"previous {made.previous or '-'}",
        f"entries {made.entries}",
        f"points{_sums(made.points)}",
        *(
            f"range {part.first_member} {part.last_member} {part.entries} {part.digest}{_sums(part.points)}"
            for part in ranges
        ),
        f"key {made.key_id}",
    ]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _sums(points: dict[str, int]) -> str:
    """Write the sums of currencies in the order of their ids, each after a space."""
    in_order = sorted(points, key=lambda currency: (len(currency), currency))
    return "".join(f" {currency}:{points[currency]}" for currency in in_order)


def _refuse_unless_closing(business_date: datetime.date) -> None:
    if not BusinessDate.objects.filter(pk=business_date, status=BusinessDate.Status.CLOSING).exists():
        raise ledger.BusinessDateNotClosing
