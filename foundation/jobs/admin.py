"""What ran, to read: job runs with the seconds of each step, and the bank's business dates."""

from django.contrib import admin
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from foundation.jobs.models import BusinessDate, JobRun
from foundation.web.browsing import BrowseAdmin, Section, choose


def shown_at(at) -> str:
    """Write an instant to the second in the bank's zone."""
    return formats.date_format(timezone.localtime(at), "Y-m-d H:i:s") if at else ""


def counted(counts: dict) -> str:
    """Write a run's counts in one line, figures after their names."""
    return " · ".join(
        f"{name} {formats.number_format(value, use_l10n=True)}"
        for name, value in counts.items()
        if isinstance(value, int)
    )


@admin.register(JobRun)
class JobRunAdmin(BrowseAdmin):
    keyset = ("-business_date", "-id")
    list_display = ("business_date", "job", "status_pill", "step", "attempts", "started", "seconds")
    list_filter = (choose("status"),)
    intro = _(
        "One row per job and business date, the latest on top. A run that failed is tried again by the next ring."
    )
    empty = _("No job has run yet.")

    @admin.display(description=_("status"))
    def status_pill(self, run: JobRun) -> str:
        return render_to_string("admin/status.html", {"status": run.status, "label": run.get_status_display()})

    @admin.display(description=_("started at"))
    def started(self, run: JobRun) -> str:
        return shown_at(run.started_at)

    @admin.display(description=_("seconds"))
    def seconds(self, run: JobRun) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():,.2f}" if run.finished_at else ""

    def facts(self, request: HttpRequest, run: JobRun) -> list:
        return [
            (_("status"), self.status_pill(run)),
            (_("step"), run.step),
            (_("attempts"), run.attempts),
            (_("started at"), shown_at(run.started_at)),
            (_("finished at"), shown_at(run.finished_at)),
            (_("seconds"), self.seconds(run)),
            (_("error"), run.error),
        ]

    def sections(self, request: HttpRequest, run: JobRun) -> list[Section]:
        steps = (
            run.chunks.values("step")
            .annotate(chunks=Count("id"), done=Count("done_at"), seconds=Sum("seconds"))
            .order_by("step")
        )
        open_chunks = run.chunks.filter(done_at=None).order_by("step", "first_member")[:50]
        return [
            Section(
                title=_("Steps"),
                headers=[_("step"), _("chunks"), _("done"), _("seconds")],
                numbers=frozenset({1, 2, 3}),
                rows=[[row["step"], row["chunks"], row["done"], f"{row['seconds'] or 0:,.2f}"] for row in steps],
                empty=_("This run had no chunks."),
            ),
            Section(
                title=_("Chunks still open"),
                headers=[_("step"), _("first member"), _("last member")],
                numbers=frozenset({1, 2}),
                rows=[[chunk.step, chunk.first_member, chunk.last_member] for chunk in open_chunks],
                empty=_("None: every chunk is done."),
            ),
            Section(
                title=_("Counts"),
                sentences=[counted(run.counts)] if run.counts else [],
                empty=_("No counts were kept."),
            ),
        ]


@admin.register(BusinessDate)
class BusinessDateAdmin(BrowseAdmin):
    keyset = ("-date",)
    list_display = ("date", "status_pill", "closing", "closed")
    list_filter = (choose("status"),)
    intro = _(
        "A business date is open, then closing, then closed. What arrives while a date is closing is booked on the next."
    )
    list_display_links = None

    @admin.display(description=_("status"))
    def status_pill(self, date: BusinessDate) -> str:
        return render_to_string("admin/status.html", {"status": date.status, "label": date.get_status_display()})

    @admin.display(description=_("closing since"))
    def closing(self, date: BusinessDate) -> str:
        return shown_at(date.closing_at)

    @admin.display(description=_("closed at"))
    def closed(self, date: BusinessDate) -> str:
        return shown_at(date.closed_at)
