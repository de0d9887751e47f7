"""Reporting a rehearsal to a reader: his branches of the result, and who would move, by number."""

import datetime
from collections.abc import Iterator
from typing import Any

from foundation.access import visibility
from foundation.access.models import Branch, User
from members.models import Member
from tiers.models import Rehearsal

SEE = "tiers.view_rehearsal"
START = "tiers.start_rehearsal"
ROWS_AT_ONCE = 2_000


def result_for(user: User, rehearsal: Rehearsal, *, on: datetime.date) -> dict[str, Any] | None:
    """Return the result with the branches that the user's postings open; the sums are the bank's. None before it is done."""
    if rehearsal.result is None or user.is_superuser:
        return rehearsal.result
    seen = Branch.objects.under(visibility.paths(user, permission=SEE, on=on))
    codes = set(seen.values_list("code", flat=True))
    branches = [row for row in rehearsal.result["branches"] if row["branch"] in codes]
    return rehearsal.result | {"branches": branches}


def moves_for(user: User, rehearsal: Rehearsal, *, on: datetime.date) -> Iterator[tuple[Any, ...]]:
    """Yield (member number, branch code, masked name, tier in history, tier rehearsed) of who would move, in order of number.

    Of the user's branches only; names, masked, only of members whom he may see.
    """
    paths = [""] if user.is_superuser else visibility.paths(user, permission=SEE, on=on)
    may_see = Member.objects.visible_to(user, on=on).values("pk")
    named = rehearsal.moves.filter(member__in=may_see).values_list("member", flat=True)
    moves = rehearsal.moves.filter(member__in=Member.objects.in_branches(paths).values("pk"))
    rows = moves.select_related("member__branch", "member__person", "from_tier", "to_tier").order_by("member__number")
    with_names = set(named) if user.has_perm(visibility.SEE_MEMBERS) else set()
    for move in rows.iterator(chunk_size=ROWS_AT_ONCE):
        member = move.member
        name = member.person.masked_name if member.pk in with_names and hasattr(member, "person") else ""
        yield member.number, member.branch.code, name, move.from_tier, move.to_tier
