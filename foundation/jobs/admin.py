"""What ran, to read: job runs with the seconds of each step."""

from collections import Counter
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from foundation.jobs.models import Chunk, JobRun
from foundation.money import number
from foundation.naming import worded
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Section, choose


def shown_at(at) -> str:
    """Write an instant to the second in the bank's zone."""
    return formats.date_format(timezone.localtime(at), "Y-m-d H:i:s") if at else ""


def figures(counts: dict[str, Any]) -> str:
    """Write counts in one line, each figure after its name."""
    return " · ".join(f"{name} {number(value)}" for name, value in counts.items() if isinstance(value, int))


@admin.register(JobRun)
class JobRunAdmin(BrowseAdmin):
    keyset = ("-business_date", "-id")
    list_display = ("business_date", "job_name", "status_pill", "step_name", "attempts", "started", "seconds")
    list_filter = (choose("status"),)
    intro = _(
        "One row per job and business date, the latest on top. A run that failed is tried again by the next ring."
    )
    empty = _("No job has run yet.")

    @admin.display(description=_("job"))
    def job_name(self, run: JobRun) -> str:
        return capfirst(worded(run.job))

    @admin.display(description=_("step"))
    def step_name(self, run: JobRun) -> str:
        return worded(run.step)

    def heading(self, run: JobRun) -> str:
        return f"{capfirst(worded(run.job))} {run.business_date:%Y-%m-%d}"

    @admin.display(description=_("status"))
    def status_pill(self, run: JobRun) -> str:
        return browsing.status_pill(run)

    @admin.display(description=_("started at"))
    def started(self, run: JobRun) -> str:
        return shown_at(run.started_at)

    @admin.display(description=_("seconds"))
    def seconds(self, run: JobRun) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():,.2f}" if run.finished_at else ""

    def facts(self, request: HttpRequest, run: JobRun) -> list:
        return [
            (_("status"), self.status_pill(run)),
            (_("step"), worded(run.step)),
            (_("attempts"), run.attempts),
            (_("started at"), shown_at(run.started_at)),
            (_("finished at"), shown_at(run.finished_at)),
            (_("seconds"), self.seconds(run)),
            (_("error"), run.error),
        ]

    def sections(self, request: HttpRequest, run: JobRun) -> list[Section]:
        chunks = list(run.chunks.order_by("id"))
        return [steps_of(chunks), left_of(chunks)] if chunks else [counts_of(run)]


def steps_of(chunks: list[Chunk]) -> Section:
    """Return the steps of a run in order: chunks, how many are done, seconds and counts over all of them."""
    steps: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        steps.setdefault(chunk.step, []).append(chunk)
    rows = []
    for step, own in steps.items():
        counts: Counter[str] = Counter()
        for chunk in own:
            counts.update({name: value for name, value in chunk.counts.items() if isinstance(value, int) and value})
        seconds = sum(chunk.seconds or 0 for chunk in own)
        done = sum(chunk.done_at is not None for chunk in own)
        rows.append([worded(step), number(len(own)), number(done), f"{seconds:,.2f}", figures(counts)])
    headers = [_("step"), _("chunks"), _("done"), _("seconds"), _("counts")]
    return Section(title=_("Steps"), headers=headers, numbers=frozenset({1, 2, 3}), rows=rows)


def left_of(chunks: list[Chunk]) -> Section:
    """Return the chunks that are not done yet, fifty at most."""
    left = [chunk for chunk in chunks if chunk.done_at is None][:50]
    return Section(
        title=_("Chunks still open"),
        headers=[_("step"), _("first member"), _("last member")],
        numbers=frozenset({1, 2}),
        rows=[[worded(chunk.step), str(chunk.first_member), str(chunk.last_member)] for chunk in left],
        empty=_("None: every chunk is done."),
    )


def counts_of(run: JobRun) -> Section:
    """Return what a run without chunks counted, such as the invariants that were proved."""
    rows = [[name, figures(value) if isinstance(value, dict) else value] for name, value in run.counts.items()]
    return Section(title=_("Counts"), headers=[_("what"), _("counts")], rows=rows, empty=_("No counts were kept."))
