"""The tier tab of a member's page in the console: why this tier, why not a higher one, what comes, what was on any past day."""

from typing import Any

from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from foundation.access import visibility
from foundation.access.signing_in import day_of
from foundation.refusals import Refusal
from members.models import Member
from tiers import explaining, looking_back, protection_requests
from tiers.describing import Words
from tiers.explaining import Explanation, Group
from tiers.models import GRADES, Decision, Protection, Tier

PAGE = 25


def tier_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return why the member holds his tier in one programme (`?programme=`), what a higher one asks (`?tier=`, the next one without
    it), every decision on it, its protections, and the tiers of a past day (`?date=`)."""
    wanted, all_stood = request.GET.get("programme", ""), context["standings"]
    stood = next((one for one in all_stood if one.programme.code == wanted), next(iter(all_stood), None))
    if stood is None:
        return {"explained": None}
    member, words = context["member"], context["words"]
    made = Decision.objects.filter(member=member, programme=stood.programme, as_of__lte=context["closed"])
    decisions = list(made.select_related("from_tier", "to_tier", "rule_book").order_by("-as_of")[:PAGE])
    kept = Protection.objects.filter(member=member, programme=stood.programme).select_related("tier")
    protections = list(kept.order_by("-starts_on", "-id")[:PAGE])
    explained = explaining.explain(
        member=member,
        programme=stood.programme,
        as_of=context["closed"],
        stood=stood,
        words=words,
        history=decisions,
        protections=protections,
    )
    if explained is None:
        return {"explained": None}
    aim, asked = _aim(explained, request.GET.get("tier", ""))
    return {
        "stood": stood,
        "explained": explained,
        "aim": aim,
        "lacking": explained.lacking(aim) if aim else "",
        "rows": rows_of(explained.keeping, asked, words=words),
        "alternatives": max(len(explained.keeping), len(asked)),
        "decisions": list(zip(decisions, explained.history, strict=True)),
        "protections": protections,
        "may_protect": may_protect(request, member),
        "today": context["as_of"],
    } | _past(request, context)


def _aim(explained: Explanation, code: str) -> tuple[Tier | None, list[Group]]:
    """Return the higher tier that is asked about, without a word the next one, and what it asks."""
    chosen = [(tier, groups) for tier, groups in explained.higher if tier.code == code] or explained.higher
    return chosen[0] if chosen else (None, [])


def _past(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the tiers of the day asked for, or why there are none."""
    asked = request.GET.get("date", "")
    if not asked:
        return {}
    try:
        day = parse_date(asked)
    except ValueError:
        day = None
    if day is None:
        return {"past_refused": _("Write the day as in 2026-11-21.")}
    member, words = context["member"], context["words"]
    try:
        past = looking_back.look_back(member=member, day=day, last_closed=member.last_closed, words=words)
    except Refusal as refusal:
        return {"past_day": day, "past_refused": str(refusal)}
    tables = [(one, rows_of(one.keeping, one.rising, words=words)) for one in past]
    return {"past_day": day, "past": tables}


def may_protect(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may ask to protect this member's tier."""
    allowed = request.user.has_perm(protection_requests.MAY_REQUEST) and member.status != Member.Status.CLOSED
    if not allowed:
        return False
    # The branch came with the member: no statement is needed.
    paths = visibility.paths(request.user, permission=protection_requests.MAY_REQUEST, on=day_of(request.user))
    return any(member.branch.path.startswith(path) for path in paths)


def rows_of(keeping: list[Group], rising: list[Group], *, words: Words) -> list[dict[str, Any]]:
    """Return one row per measure and alternative: the member's figure beside what keeping his tier and what a higher one asks."""
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for purpose, groups in (("keep", keeping), ("rise", rising)):
        for place, group in enumerate(groups, 1):
            for one in group.measured:
                row = rows.setdefault(
                    (place, one.measure.key), {"place": place, "keep": None, "rise": None, "measured": one}
                )
                row[purpose] = one
    for row in rows.values():
        rise = row["rise"]
        short = rise and rise.gap and rise.measure.metric not in GRADES
        row["short"] = words.shown(rise.measure, rise.gap) if short else ""
    return [rows[key] for key in sorted(rows, key=lambda key: key[0])]
