"""Verifying: the seals are held against the entries as they stand now, the earlier seals and the bank's public keys."""

import dataclasses
import datetime
import hashlib
import json
from collections import defaultdict
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection

from foundation.jobs.models import BusinessDate
from foundation.signing import public_keys
from points.models import Seal, SealedRange
from points.sealing import before, digest_of, leave_nobody_out, total, with_line

# So many seals are read, and their entries digested, at once.
SEALS_AT_ONCE = 31
DAY = datetime.timedelta(days=1)

Figures = tuple[int, dict[str, int], str]  # entries, points by currency, digest
Found = dict[tuple[datetime.date, int], Figures]  # by business date and first member of a range
NOTHING: Figures = (0, {}, hashlib.sha256().hexdigest())


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How many seals hold, and what is broken: a business date, a reason, and what else is known of it, each."""

    verified: int
    broken: list[dict[str, Any]]


def verify(*, first: datetime.date | None = None, last: datetime.date | None = None, entries: bool = True) -> Verdict:
    """Hold the seals of the business dates first..last (None: from the first, to the last) against what they seal.

    Looks at the chain, the digest, the signature, the ranges, the totals, the dates that should have a seal, and, unless
    `entries` is False, digests every sealed entry anew. Memory doesn't grow with the entries: one row per date and range.
    """
    scope = {"business_date__gte": first or datetime.date.min, "business_date__lte": last or datetime.date.max}
    earliest = Seal.objects.order_by("business_date").first()
    seals = list(Seal.objects.filter(**scope).order_by("business_date"))
    genesis = earliest.business_date if earliest and not earliest.previous else None
    missing = _missing(genesis, first=first, last=last)
    broken: list[dict[str, Any]] = [{"business_date": date, "reason": "missing_seal"} for date in missing]
    keys = public_keys()
    previous = before(seals[0].business_date) if seals else None
    for start in range(0, len(seals), SEALS_AT_ONCE):
        batch = seals[start : start + SEALS_AT_ONCE]
        ranges = _ranges(batch)
        found = _digested_again(batch, previous=previous, genesis=genesis) if entries else None
        for made in batch:
            own = ranges[made.business_date]
            reasons = _reasons(made, own, previous=previous, keys=keys)
            broken += [{"business_date": made.business_date, "reason": reason} for reason in reasons]
            if found is not None:
                broken += _changed(made, own, found)
            previous = made
    wrong = {finding["business_date"] for finding in broken}
    broken.sort(key=lambda finding: finding["business_date"])
    return Verdict(verified=sum(made.business_date not in wrong for made in seals), broken=broken)


def _missing(
    genesis: datetime.date | None, *, first: datetime.date | None, last: datetime.date | None
) -> list[datetime.date]:
    """Return the dates that should have a seal and have none: closed ones, and every day between two seals.

    Dates before `genesis`, that of the seal which follows none, are not among them: it took all that was booked before.
    """
    due = set(BusinessDate.objects.filter(status=BusinessDate.Status.CLOSED).values_list("date", flat=True))
    sealed = set(Seal.objects.values_list("business_date", flat=True))
    if sealed:
        due |= {min(sealed) + DAY * n for n in range((max(sealed) - min(sealed)).days)}
    first, last = max(first or datetime.date.min, genesis or datetime.date.min), last or datetime.date.max
    return sorted(date for date in due - sealed if first <= date <= last)


def _ranges(batch: list[Seal]) -> dict[datetime.date, list[SealedRange]]:
    ranges: dict[datetime.date, list[SealedRange]] = defaultdict(list)
    dates = [made.business_date for made in batch]
    for part in SealedRange.objects.filter(business_date__in=dates).order_by("business_date", "first_member"):
        ranges[part.business_date].append(part)
    return ranges


def _digested_again(batch: list[Seal], *, previous: Seal | None, genesis: datetime.date | None) -> Found:
    """Return the figures of the batch's dates and ranges, from the entries; member 0 stands for what no range holds."""
    after = previous.business_date if previous else None if genesis else batch[0].business_date - DAY
    arguments = {"after": after, "through": batch[-1].business_date, "genesis": genesis}
    with connection.cursor() as cursor:
        cursor.execute(with_line("digest_again"), arguments)
        return {
            (date, member): (entries, json.loads(points), digest)
            for date, member, entries, points, digest in cursor.fetchall()
        }


def _reasons(
    made: Seal, ranges: list[SealedRange], *, previous: Seal | None, keys: dict[str, Ed25519PublicKey]
) -> list[str]:
    """Return what is wrong with a seal by itself and after the seal before it."""
    if not all(map(_readable, [made.points, *(part.points for part in ranges)])):
        return ["digest_differs"]
    reasons = []
    if made.previous != (previous.digest if previous else ""):
        reasons.append("not_after_previous_seal")
    if made.digest != digest_of(made, ranges):
        reasons.append("digest_differs")
    if made.key_id not in keys:
        reasons.append("unknown_key")
    elif not _signed(made, keys[made.key_id]):
        reasons.append("signature_wrong")
    if not leave_nobody_out(ranges):
        reasons.append("ranges_leave_members_out")
    if (made.entries, made.points) != (sum(part.entries for part in ranges), total(ranges)):
        reasons.append("totals_differ")
    return reasons


def _readable(points: Any) -> bool:
    """Say whether sums are what a seal writes: whoever edits one may leave any JSON behind."""
    return isinstance(points, dict) and all(isinstance(part, int) for part in points.values())


def _signed(made: Seal, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(bytes.fromhex(made.signature), bytes.fromhex(made.digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def _changed(made: Seal, ranges: list[SealedRange], found: Found) -> list[dict[str, Any]]:
    """Return the ranges of a seal whose entries are not what was sealed, and what no range holds."""
    changed = [
        {
            "business_date": made.business_date,
            "reason": "entries_differ",
            "first_member": part.first_member,
            "last_member": part.last_member,
            "entries_sealed": part.entries,
            "entries_found": now[0],
        }
        for part in ranges
        if (now := found.get((made.business_date, part.first_member), NOTHING))
        != (part.entries, part.points, part.digest)
    ]
    if outside := found.get((made.business_date, 0)):
        changed.append(
            {"business_date": made.business_date, "reason": "entries_outside_ranges", "entries_found": outside[0]}
        )
    return changed
