"""The console's home: what needs me now, and today's figures."""

import datetime
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from django.contrib.admin import site
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Extract
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from redis.exceptions import RedisError

from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import BusinessDate, JobRun
from members.models import Member, MemberFile
from tiers.models import Standing, Tier

SUM_POINTS = (Path(__file__).parent / "sql" / "sum_points.sql").read_text()
SEE_TOTALS = "points.view_totals"
KEPT_SECONDS = 300
LAPSE_DAYS = 30
# A night begins at midnight; one that isn't closed by this hour is late.
CLOSED_BY = datetime.time(6)


def home(request: HttpRequest) -> HttpResponse:
    """Show the business dates, what is late or has failed, and the figures of the branches that the user may sum up."""
    now = moment_of(request.user)
    dates = business_dates()
    context: dict[str, Any] = {
        "dates": dates,
        "late": late(dates, at=timezone.localtime(now)),
    }
    if request.user.has_perm("jobs.view_jobrun"):
        context |= runs()
    patterns = scope(request)
    if patterns != []:
        closed = dates["closed"].date if "closed" in dates else None
        # The database's name is part of the key: two banks may share one cache.
        about = (connection.settings_dict["NAME"], patterns, closed)
        context["figures"] = kept(
            f"console-home-{hashlib.sha256(repr(about).encode()).hexdigest()}",
            functools.partial(figures, patterns, closed=closed, at=now),
        )
        context["of_bank"] = patterns is None
        # What was booked on the last closed date is accounted for by the run that closed it.
        context["closed_by"] = next((run for run in context.get("runs", []) if run.business_date == closed), None)
    return site.page(request, "admin/index.html", **context)


def runs() -> dict[str, list[JobRun]]:
    """Return the last seven nights with the seconds they took, and the last five runs that failed, in one statement."""
    latest = JobRun.objects.order_by("-business_date", "-id")
    nights, failed = latest.filter(job="close_day").values("pk")[:7], latest.filter(status="failed").values("pk")[:5]
    found = list(
        latest.filter(Q(pk__in=nights) | Q(pk__in=failed)).annotate(
            seconds=Extract(F("finished_at") - F("started_at"), "epoch")
        )
    )
    return {
        "runs": [run for run in found if run.job == "close_day"][:7],
        "failed": [run for run in found if run.status == "failed"][:5],
    }


def scope(request: HttpRequest) -> list[str] | None:
    """Return the branch patterns whose members the user may sum up: None for the whole bank, [] for none."""
    user = request.user
    if user.is_superuser:
        return None
    on = day_of(user)
    granting = (SEE_TOTALS, visibility.SEE_MEMBERS)
    paths = sorted({path for permission in granting for path in visibility.paths(user, permission=permission, on=on)})
    if paths and not Branch.objects.exclude(pk__in=Branch.objects.under(paths)).exists():
        return None
    return [f"{path}%" for path in paths]


def business_dates() -> dict[str, BusinessDate]:
    """Return the open, the closing and the last closed business date, by status."""
    last_closed = (
        BusinessDate.objects.filter(status="closed").values("status").annotate(last=Max("date")).values("last")
    )
    return {
        row.status: row
        for row in BusinessDate.objects.filter(Q(status__in=["open", "closing"]) | Q(date__in=last_closed))
    }


def late(dates: dict[str, BusinessDate], *, at: datetime.datetime) -> int:
    """Return how many business dates should have been closed at the local time `at` and are not."""
    first = dates.get("closing") or dates.get("open")
    behind = (at.date() - first.date).days if first else 0
    return 0 if behind <= 0 or (behind == 1 and at.time() < CLOSED_BY) else behind


def kept(key: str, compute) -> Any:
    """Return what was computed within the last five minutes, else compute it; without the cache's server too."""
    try:
        return cache.get_or_set(key, compute, KEPT_SECONDS)
    except RedisError:
        return compute()


def figures(patterns: list[str] | None, *, closed: datetime.date | None, at: datetime.datetime) -> dict[str, Any]:
    """Sum up members, points and tiers in five statements; names stay in all languages, since the answer is kept."""
    today = timezone.localtime(at).date()
    until = today + datetime.timedelta(days=LAPSE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(SUM_POINTS, {"patterns": patterns, "day": closed, "lapse_from": today, "lapse_until": until})
        names = [column.name for column in cursor.description]
        points = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in points:
        row["names"] = json.loads(row["names"])
        row["outstanding"] = row["available"] + row["pending"]
        row["worth"] = None if row["worth_minor"] is None else row["outstanding"] * row["worth_minor"]
    members, files = Member.objects.in_state("active"), MemberFile.objects.to_mend(on=today)
    if patterns is not None:
        paths = [pattern.removesuffix("%") for pattern in patterns]
        members, files = members.in_branches(paths), files.in_branches(paths)
    active = members.count()
    return {
        "at": timezone.localtime(at),
        "closed": closed,
        "lapse_until": until,
        "active": active,
        "files": files.count(),
        "points": points,
        "programmes": tier_mix(members, active=active),
    }


def tier_mix(members, *, active: int) -> list[dict[str, Any]]:
    """Count the members by programme and tier; who has no standing holds the standard tier."""
    standings = Standing.objects.filter(member__in=members)
    counted = {row["tier"]: row["members"] for row in standings.values("tier").annotate(members=Count("id"))}
    programmes: dict[int, dict[str, Any]] = {}
    for tier in Tier.objects.select_related("programme").order_by("programme_id", "rank"):
        programme = programmes.setdefault(
            tier.programme_id, {"names": tier.programme.names, "code": tier.programme.code, "tiers": []}
        )
        programme["tiers"].append(
            {"key": str(tier.pk), "code": tier.code, "names": tier.names, "members": counted.get(tier.pk, 0)}
        )
    for programme in programmes.values():
        standard, *higher = programme["tiers"]
        standard["members"] = active - sum(tier["members"] for tier in higher)
        for tier in programme["tiers"]:
            share = 100 * tier["members"] / active if active else 0
            # An SVG's width is read by machines, so it is text that no language rewrites.
            tier["share"], tier["width"] = round(share, 1), f"{share:.2f}"
    return list(programmes.values())
