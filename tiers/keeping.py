"""Keeping the higher tier where two records of a person become one, until its validity ends (docs/merging.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from foundation.actors import Actor
from foundation.transactions import in_transaction
from members.models import Member
from tiers import calendars
from tiers.models import Programme, Protection, Standing, Tier


@in_transaction
def keep_higher(
    *, kept: Member, gone: Member, starts_on: datetime.date, request_id: UUID, reason: str, actor: Actor
) -> dict[str, Any]:
    """Protect for `kept` each tier above his own that `gone` holds or has protected, and end what protects `gone`.

    From the review of `starts_on` on, until the tier's validity or protection ends, else until the next review. Returns the ids
    of the protections made (`made`) and of those of either record that this ended (`ended`), for `let_go`.
    """
    running = list(
        Protection.objects.ending_after(starts_on).filter(member__in=[kept.pk, gone.pk]).select_related("tier")
    )
    standings = list(Standing.objects.filter(member__in=[kept.pk, gone.pk]).select_related("tier"))
    made: list[int] = []
    ending = {one.pk for one in running if one.member_id == gone.pk}
    for programme in Programme.objects.order_by("pk"):
        secured = [one for one in running if one.programme_id == programme.pk]
        held = {one.member_id: one for one in standings if one.programme_id == programme.pk}
        best = _best_of_gone(
            programme, held.get(gone.pk), [one for one in secured if one.member_id == gone.pk], gone, starts_on
        )
        own = [one for one in secured if one.member_id == kept.pk]
        ranks = [one.tier.rank for one in own] + [held[kept.pk].tier.rank if kept.pk in held else 0]
        if best is None or best[0].rank <= max(ranks):
            continue
        tier, until = best
        ending |= {one.pk for one in own}
        # Before the new one: of two that overlap the database takes none.
        _end(own, on=starts_on)
        made.append(
            Protection.objects.create(
                member=kept,
                programme=programme,
                kind=Protection.Kind.OVERRIDE,
                tier=tier,
                starts_on=starts_on,
                until=until,
                reason=reason,
                request_id=request_id,
            ).pk
        )
    _end([one for one in running if one.member_id == gone.pk], on=starts_on)
    return {"made": made, "ended": sorted(ending)}


def _best_of_gone(
    programme: Programme, held: Standing | None, secured: list[Protection], gone: Member, starts_on: datetime.date
) -> tuple[Tier, datetime.date] | None:
    """Return the highest tier that the record holds or has protected, and the first day on which the review may decide on it."""
    found = [(one.tier, one.until) for one in secured]
    if held is not None:
        until = held.grace_until or held.valid_until
        after = until + datetime.timedelta(days=1) if until and until > starts_on else None
        found.append((held.tier, after or _next_review(programme, gone, starts_on)))
    return max(found, key=lambda one: (one[0].rank, one[1]), default=None)


def _next_review(programme: Programme, gone: Member, starts_on: datetime.date) -> datetime.date:
    book = programme.rule_books.standing().filter(in_force_from__lte=starts_on).order_by("-in_force_from").first()
    if book is None:
        return starts_on + datetime.timedelta(days=1)
    return calendars.next_review(book, starts_on, joined_on=gone.joined_on)


def _end(protections: list[Protection], *, on: datetime.date) -> None:
    begun = Protection.objects.filter(pk__in=[one.pk for one in protections])
    begun.filter(starts_on__lte=on).update(ended_on=on)
    begun.filter(starts_on__gt=on).update(ended_on=F("starts_on"))


@in_transaction
def let_go(*, kept: dict[str, Any], on: datetime.date, request_id: UUID, actor: Actor) -> None:
    """Undo what `keep_higher` returned: end what it made, and protect anew, as long as it would have run, what it ended."""
    made = list(Protection.objects.ending_after(on).filter(pk__in=kept.get("made", [])))
    _end(made, on=on)
    Protection.objects.filter(pk__in=[one.pk for one in made]).update(ending_request_id=request_id)
    Protection.objects.bulk_create(
        [
            Protection(
                member_id=one.member_id,
                programme_id=one.programme_id,
                kind=one.kind,
                tier_id=one.tier_id,
                starts_on=on,
                until=one.until,
                reason=one.reason,
                request_id=request_id,
            )
            for one in Protection.objects.filter(pk__in=kept.get("ended", []), until__gt=on).order_by("pk")
        ]
    )
