"""Rehearsals in the console: the list, the form that starts one, the report, and who would move as a file."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from foundation import transactions
from foundation.access.models import Branch
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import Bank
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web.browsing import BrowseAdmin, status_pill
from foundation.web.downloading import download
from foundation.web.requests import actor
from tiers import comparing, rehearsing, reporting
from tiers.models import Programme, Rehearsal, RuleBook, Tier
from tiers.reviewing import COUNTS

FORMS = ("csv", "xlsx")
CHART_WIDTH, CHART_HEIGHT = 100, 40


class StartForm(forms.Form):
    """Which rules over how many months."""

    rules = forms.ChoiceField(label=gettext_lazy("rules"))
    months = forms.IntegerField(label=gettext_lazy("months"), min_value=1, max_value=rehearsing.MOST_MONTHS, initial=12)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        programmes = Programme.objects.order_by("-is_main", "pk")
        books = RuleBook.objects.select_related("programme").order_by("programme", "-number")
        self.fields["rules"].choices = [
            *((f"programme-{one.pk}", _("%(programme)s: as in force on each date") % {"programme": one}) for one in programmes),
            *((f"book-{one.pk}", _("Rule book: %(book)s") % {"book": one}) for one in books),
        ]  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """Return what `start` takes."""
        kind, _dash, pk = self.cleaned_data["rules"].partition("-")
        months = {"months": self.cleaned_data["months"]}
        if kind == "programme":
            return {"programme": Programme.objects.get(pk=pk), **months}
        book = RuleBook.objects.select_related("programme").get(pk=pk)
        return {"programme": book.programme, "rule_book": book, **months}


def long(seconds: int) -> str:
    """Return a length of time as people say it: seconds below two minutes, else minutes."""
    if seconds < 120:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": number(seconds)}
    minutes = round(seconds / 60)
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": number(minutes)}


@admin.register(Rehearsal)
class RehearsalAdmin(BrowseAdmin):
    keyset = ("-started_at", "-id")
    list_display = ("__str__", "of", "status_shown", "started_at", "started_by")
    list_select_related = ("programme", "rule_book__programme")
    intro = gettext_lazy(
        "Other rules replayed over the last months for all members, with the facts as they were known on each date. No standing changes."
    )
    empty = gettext_lazy("Nothing has been rehearsed yet.")

    @admin.display(description=gettext_lazy("rules"))
    def of(self, rehearsal: Rehearsal) -> str:
        return rules_of(rehearsal)

    @admin.display(description=gettext_lazy("status"))
    def status_shown(self, rehearsal: Rehearsal) -> str:
        return status_pill(rehearsal)

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        return [
            path("start/", view(self.start_view), name="tiers_rehearsal_start"),
            path("<int:rehearsal_id>/resume/", view(self.resume_view), name="tiers_rehearsal_resume"),
            path("<int:rehearsal_id>/again/", view(self.again_view), name="tiers_rehearsal_again"),
            path("<int:rehearsal_id>/members.<str:form>", view(self.members_view), name="tiers_rehearsal_members"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        may_start = request.user.has_perm(reporting.START)
        verb = {"url": reverse("admin:tiers_rehearsal_start"), "label": _("Start a rehearsal")} if may_start else None
        return super().changelist_view(request, {"verb": verb, **(extra_context or {})})

    def get_queryset(self, request):
        return super().get_queryset(request).defer("document")

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Start a rehearsal of the rules in force or of a stored rule book; drafts are rehearsed from their own page."""
        user = request.user
        if not user.has_perm(reporting.START):
            raise PermissionDenied
        form = StartForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                started = transactions.commit(
                    rehearsing.start, actor=actor(request), at=moment_of(user), **form.asked()
                )
            except Refusal as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("admin:tiers_rehearsal_change", started.pk)
        sentences = [
            _("It runs beside everything else and changes nothing. The page that follows says how long it will take.")
        ]
        return self.admin_site.page(
            request, "admin/form.html", title=_("Start a rehearsal"), form=form, opts=self.opts, sentences=sentences
        )

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show how far a rehearsal is; when it is done, its report."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rehearsal = self.found(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(rehearsal),
            "rehearsal": rehearsal,
            "status": status_pill(rehearsal),
            "rules": rules_of(rehearsal),
            "bank": Bank.objects.get(),
            "may_start": request.user.has_perm(reporting.START),
        }
        result = reporting.result_for(request.user, rehearsal, on=day_of(request.user))
        context |= report(rehearsal, result) if result else progress(rehearsal)
        return TemplateResponse(request, "admin/rehearsal.html", context)

    def resume_view(self, request: HttpRequest, rehearsal_id: int) -> HttpResponse:
        """Let a rehearsal that failed run on."""
        failed = self._to_go_on(request, rehearsal_id)
        return self._gone_on(request, failed, rehearsing.resume, rehearsal_id=failed.pk)

    def again_view(self, request: HttpRequest, rehearsal_id: int) -> HttpResponse:
        """Start a rehearsal of the same rules once more, from the beginning."""
        failed = self._to_go_on(request, rehearsal_id)
        return self._gone_on(request, failed, rehearsing.start_again, rehearsal=failed)

    def _to_go_on(self, request: HttpRequest, rehearsal_id: int) -> Rehearsal:
        if request.method != "POST" or not request.user.has_perm(reporting.START):
            raise PermissionDenied
        return self.found(request, f"{rehearsal_id}")

    def _gone_on(
        self, request: HttpRequest, failed: Rehearsal, verb: Callable[..., Rehearsal], **asked: Any
    ) -> HttpResponse:
        try:
            going = transactions.commit(verb, **asked, actor=actor(request), at=moment_of(request.user))
        except Refusal as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:tiers_rehearsal_change", failed.pk)
        return redirect("admin:tiers_rehearsal_change", going.pk)

    def members_view(self, request: HttpRequest, rehearsal_id: int, form: str) -> HttpResponseBase:
        """Give the members who would move as a table: those of the user's branches, names masked where he may see them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rehearsal = self.found(request, f"{rehearsal_id}")
        if form not in FORMS or rehearsal.status != Rehearsal.Status.DONE:
            raise Http404
        rows = reporting.moves_for(request.user, rehearsal, on=day_of(request.user))
        return download(
            name=f"rehearsal-{rehearsal.pk}-members",
            form=form,
            title=str(rehearsal),
            headers=[_("member number"), _("branch"), _("name"), _("tier now"), _("tier rehearsed")],
            rows=rows,
            at=moment_of(request.user),
        )


def rules_of(rehearsal: Rehearsal) -> str:
    """Return which rules a rehearsal is of."""
    if rehearsal.digest:
        return _("draft %(digest)s") % {"digest": rehearsal.digest[:12]}
    return str(rehearsal.rule_book) if rehearsal.rule_book else _("as in force on each date")


def progress(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return how far a rehearsal is, and how long it will take one worker."""
    done, ranges = rehearsal.ranges.filter(done_at__isnull=False).count(), rehearsal.ranges.count()
    expected = _("About %(long)s for %(dates)s dates × %(members)s members with one worker.") % {
        "long": long(rehearsal.expected_seconds),
        "dates": number(rehearsal.dates),
        "members": number(rehearsal.members),
    }
    left = _("About %(long)s left.") % {"long": long(rehearsing.remaining_seconds(rehearsal))}
    return {"expected": expected, "left": left, "done": done, "ranges": ranges}


def report(rehearsal: Rehearsal, result: dict[str, Any]) -> dict[str, Any]:
    """Return a result as the report's page shows it: names for codes, shares, and the chart's rectangles."""
    tiers = list(rehearsal.programme.tiers.order_by("rank"))
    names = {
        branch.code: branch for branch in Branch.objects.filter(code__in=[row["branch"] for row in result["branches"]])
    }
    return {
        "result": result,
        "tiers": tiers,
        "matrix": _matrix(result["matrix"], tiers),
        "charts": [
            (_("In history"), _bars(result["pyramid"], "history", tiers)),
            (_("Rehearsed"), _bars(result["pyramid"], "rehearsed", tiers)),
        ],
        "months": [
            (parse_date(row["date"]), [(row["history"][tier.code], row["rehearsed"][tier.code]) for tier in tiers])
            for row in result["pyramid"]
        ],
        "chart_size": f"0 0 {CHART_WIDTH} {CHART_HEIGHT}",
        "moves": [
            (MOVES[name], result["moves"]["history"][name], result["moves"]["rehearsed"][name]) for name in COUNTS[1:]
        ],
        "cut_over": _cut_over(result),
        "parts": [
            (_("By present tier"), _("tier"), _named(result["tiers"], "tier", {tier.code: tier for tier in tiers})),
            (_("By branch"), _("branch"), _named(result["branches"], "branch", names)),
            (_("By age of membership"), _("years of membership"), _ages(result["ages"])),
        ],
        "is_draft": bool(rehearsal.digest or rehearsal.rule_book_id),
        "before_books": rehearsal.starts_on < Bank.objects.get().first_business_date,
    }  # fmt: skip


MOVES = {
    "upgraded": gettext_lazy("upgraded"),
    "renewed": gettext_lazy("renewed"),
    "grace": gettext_lazy("in grace"),
    "downgraded": gettext_lazy("downgraded"),
    "secured": gettext_lazy("secured by people"),
}


def _cut_over(result: dict[str, Any]) -> dict[str, Any] | None:
    """Return the night of the cut-over with names for its outcomes; None where there is none, and in older reports."""
    told = result.get("cut_over")
    if not told:
        return None
    notices = [(MOVES[name], members) for name, members in told["notices"].items()]
    return {
        "on": parse_date(told["on"]),
        "notices": notices,
        "all": sum(told["notices"].values()),
        "kept": told["kept"],
    }


def _matrix(matrix: dict[str, dict[str, int]], tiers: Sequence[Tier]) -> list[tuple[Tier, list[dict[str, Any]]]]:
    """Return the rows of the matrix: from tier, then by tier the members, their share of the row, and whether they stay."""
    rows = []
    for before in tiers:
        members = matrix[before.code]
        whole = sum(members.values())
        cells = [
            {
                "members": members[after.code],
                "share": f"{100 * members[after.code] / whole:.1f} %" if whole else "",
                "stays": before == after,
            }
            for after in tiers
        ]
        rows.append((before, cells))
    return rows


def _bars(pyramid: list[dict[str, Any]], side: str, tiers: Sequence[Tier]) -> list[dict[str, Any]]:
    """Return the bars of members above standard, a month each: rectangles stacked by tier; figures as texts, since machines read them."""
    above = [tier.code for tier in tiers[1:]]
    sums = [sum(row[of][code] for code in above) for row in pyramid for of in ("history", "rehearsed")]
    most = max(sums, default=0) or 1
    width = CHART_WIDTH / max(len(pyramid), 1)
    bars = []
    for place, row in enumerate(pyramid):
        top = float(CHART_HEIGHT)
        for tier in tiers[1:]:
            height = CHART_HEIGHT * row[side][tier.code] / most
            top -= height
            label = (
                f"{date_format(parse_date(row['date']), 'SHORT_DATE_FORMAT')} {tier}: {number(row[side][tier.code])}"
            )
            bars.append(
                {
                    "x": f"{place * width + width * 0.1:.3f}",
                    "y": f"{top:.3f}",
                    "width": f"{width * 0.8:.3f}",
                    "height": f"{height:.3f}",
                    "tier": tier.code,
                    "label": label,
                }
            )
    return bars


def _named(rows: list[dict[str, Any]], key: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**row, "name": names.get(row[key], row[key])} for row in rows]


def _ages(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return bands of years with their names: under 1, 1–2, … 10 and more."""
    named = []
    for row in rows:
        first = row["from_years"]
        following = next((age for age in comparing.AGES if age > first), None)
        if first == 0:
            name = _("under %(years)s") % {"years": following}
        elif following is None:
            name = _("%(years)s and more") % {"years": first}
        else:
            name = f"{first}–{following - 1}"
        named.append({**row, "name": name})
    return named
