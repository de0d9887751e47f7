"""Comparing a replay with history: who would stand where, who gains and who loses, what it costs."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection
from django.db.models import Count

from foundation.access.models import Branch
from foundation.querying import statement
from points.models import PointCurrency
from tiers.compiling import Ladder
from tiers.models import Decision, Rehearsal
from tiers.replaying import Replay
from tiers.reviewing import COUNTS

# The years of membership at which a band of members begins: under 1, 1 to 2, 3 to 4, 5 to 9, 10 and more.
AGES = [1, 3, 5, 10]
# What a rehearsal costs in points by currency code, for the members of a replay that is done: filled by the apps above, which
# know what tiers are good for (AppConfig.ready). Called with replay, ladder, starts_on, ends_on.
costs: dict[str, Callable[..., dict[str, int]]] = {}


class Comparison:
    """The counts of one range of members, as JSON keeps them; `added` puts those of all ranges together."""

    def __init__(self, *, rehearsal: Rehearsal, replay: Replay) -> None:
        self.rehearsal, self.replay = rehearsal, replay
        self.standard = rehearsal.programme.tiers.order_by("rank").values_list("pk", flat=True)[0]
        self.counts: dict[str, Any] = {"moves": {"rehearsed": {}, "history": {}}}

    def tally(self, days: Sequence[datetime.date]) -> None:
        """Count who stands where, in history and in the replay, which has come to its end, the last of `days`; two statements.

        Of the end by both tiers; of each of the days, by tier, how many more or fewer stand there than on the day before it in the list.
        """
        with connection.cursor() as cursor:
            cursor.execute(statement("tiers", "tally_replay"), self._parameters(days[-1]))
            self.counts["ended"] = {f"{before}>{after}": members for before, after, members in cursor.fetchall()}
            changes: list[dict[str, dict[str, int]]] = [{"history": {}, "rehearsed": {}} for _day in days]
            span = {"starts_on": self.rehearsal.starts_on, "ends_on": days[-1], "days": list(days)}
            cursor.execute(statement("tiers", "pyramid_replay"), self._parameters(days[-1]) | span)
            for is_replayed, place, tier, members in cursor.fetchall():
                changes[place]["rehearsed" if is_replayed else "history"][f"{tier}"] = members
        self.counts["stood"] = {f"{day}": change for day, change in zip(days, changes, strict=True)}

    def count_moves(self, counted: dict[str, int]) -> None:
        """Add what the replay decided of a date."""
        moves = self.counts["moves"]["rehearsed"]
        for name in COUNTS[1:]:
            moves[name] = moves.get(name, 0) + counted[name]

    def settle(self, *, ladder: Ladder | None) -> dict[str, Any]:
        """Keep who would stand elsewhere at the end, and return all counts; `ladder` are the rules whose cost is asked for."""
        rehearsal, members = self.rehearsal, self.replay.members
        with connection.cursor() as cursor:
            parameters = self._parameters(rehearsal.ends_on) | {"rehearsal": rehearsal.pk, "ages": AGES}
            cursor.execute("ANALYZE rehearsed_decision, rehearsed_standing")
            cursor.execute(statement("tiers", "settle_replay"), parameters)
            parts: dict[str, dict[str, Any]] = {"branches": {}, "ages": {}}
            for branch, band, *figures in cursor.fetchall():
                by, of = ("ages", band) if branch is None else ("branches", branch)
                parts[by][f"{of}"] = dict(zip(("members", "winners", "losers"), figures, strict=True))
        history = Decision.objects.filter(
            member__pk__range=(members["first_member"], members["last_member"]),
            programme=rehearsal.programme_id,
            as_of__range=(rehearsal.starts_on, rehearsal.ends_on),
        )
        outcomes = history.values_list("outcome").annotate(decisions=Count("pk")).order_by()
        for outcome, decisions in outcomes:
            name = outcome if outcome in COUNTS else "secured"
            moves = self.counts["moves"]["history"]
            moves[name] = moves.get(name, 0) + decisions
        span = {"starts_on": rehearsal.starts_on, "ends_on": rehearsal.ends_on}
        cost = {name: of(replay=self.replay, ladder=ladder, **span) for name, of in costs.items()} if ladder else {}
        differences = 0 if ladder else self.replay.count_differences(ends_on=rehearsal.ends_on)
        return self.counts | parts | {"cost": cost, "differences": differences}

    def _parameters(self, as_of: datetime.date) -> dict[str, Any]:
        return {
            "as_of": as_of,
            "programme": self.rehearsal.programme_id,
            "standard": self.standard,
            **self.replay.members,
        }


def added(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of nested counts."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            whole[key] = added([whole.get(key, {}), value]) if isinstance(value, dict) else whole.get(key, 0) + value
    return whole


def result(*, rehearsal: Rehearsal, counts: dict[str, Any]) -> dict[str, Any]:
    """Return a rehearsal's result out of the sums of its ranges.

    `differences`: decisions that are not history's, of the rules in force; of other rules standings that would differ at the end.
    `matrix`: members by tier in history and tier rehearsed, at the end. `pyramid`: both at each month's end. `moves`: decisions of the
    period. `cut_over`: had the rules come into force with their last review of the period (`on`), the `notices` of that night by outcome,
    and how many members a protection would have `kept` where they stood; null of the rules in force. `winners`
    and `losers` stand higher or lower at the end, of all, by tier, branch (code) and years of membership. `cost`: reward points more (or
    fewer) than was earned, and what they are worth in minor units; null is not counted yet.
    """
    tiers = {tier.pk: tier.code for tier in rehearsal.programme.tiers.order_by("rank")}
    pyramid = _pyramid(counts["stood"], tiers)
    matrix = {before: dict.fromkeys(tiers.values(), 0) for before in tiers.values()}
    for before, after, members in _pairs(counts["ended"]):
        matrix[tiers[before]][tiers[after]] += members
    by_tier = _by_tier(matrix)
    winners, losers = (sum(row[name] for row in by_tier) for name in ("winners", "losers"))
    is_draft = rehearsal.document is not None or rehearsal.rule_book_id is not None
    codes = {f"{pk}": code for pk, code in Branch.objects.values_list("pk", "code")}
    branches = [{"branch": codes[pk], **figures} for pk, figures in counts["branches"].items()]
    return {
        "differences": winners + losers if is_draft else counts["differences"],
        "members": sum(row["members"] for row in by_tier),
        "winners": winners,
        "losers": losers,
        "matrix": matrix,
        "pyramid": pyramid,
        "moves": {
            side: dict.fromkeys(COUNTS[1:], 0) | counts["moves"].get(side, {}) for side in ("history", "rehearsed")
        },
        "cut_over": _cut_over(counts.get("cut_over", {})),
        "tiers": by_tier,
        "branches": sorted(branches, key=lambda row: row["branch"]),
        "ages": [
            {"from_years": ([0, *AGES])[int(band)], **figures}
            for band, figures in sorted(counts["ages"].items(), key=lambda item: int(item[0]))
        ],
        "cost": {"multipliers": _priced(counts["cost"].get("multipliers", {})), "benefits": None},
    }


def _cut_over(counted: dict[str, dict[str, int]]) -> dict[str, Any] | None:
    for day, notices in counted.items():
        return {"on": day, "notices": notices, "kept": notices["grace"] + notices["downgraded"]}
    return None


def _pairs(ended: dict[str, int]) -> Iterable[tuple[int, int, int]]:
    for pair, members in ended.items():
        before, after = map(int, pair.split(">"))
        yield before, after, members


def _pyramid(stood: dict[str, dict[str, dict[str, int]]], tiers: dict[int, str]) -> list[dict[str, Any]]:
    """Return members by tier code at each date, of history and of the replay: the sums of the changes up to it."""
    sums: dict[str, Counter[str]] = {"history": Counter(), "rehearsed": Counter()}
    rows = []
    for day, changes in sorted(stood.items()):
        for side, change in changes.items():
            sums[side].update(change)
        rows.append({"date": day} | {side: {code: sums[side][f"{pk}"] for pk, code in tiers.items()} for side in sums})
    return rows


def _by_tier(matrix: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """Return winners and losers by their tier in history; columns and rows stand from standard up."""
    rows = []
    for rank, (code, afters) in enumerate(matrix.items()):
        members = list(afters.values())
        rows.append(
            {
                "tier": code,
                "members": sum(members),
                "winners": sum(members[rank + 1 :]),
                "losers": sum(members[:rank]),
            }
        )
    return rows


def _priced(points: dict[str, int]) -> list[dict[str, Any]]:
    """Return points by currency with what they are worth in minor units, where a worth is known."""
    worths = dict(PointCurrency.objects.filter(code__in=points).values_list("code", "worth_minor"))
    return [
        {"currency": code, "points": change, "amount_minor": _worth(change, worths.get(code))}
        for code, change in sorted(points.items())
    ]


def _worth(points: int, worth_minor: Decimal | None) -> int | None:
    if worth_minor is None:
        return None
    return int((points * worth_minor).quantize(Decimal(1), rounding=ROUND_HALF_UP))
