"""The intakes, to read: what came, what was taken, what was refused."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from activity.models import Intake
from foundation.web.browsing import BrowseAdmin, Section


@admin.register(Intake)
class IntakeAdmin(BrowseAdmin):
    keyset = ("-id",)
    list_display = ("started", "profile", "source", "finished")
    list_select_related = ("source",)
    intro = _(
        "Each delivery of facts by file. Rows that were refused stand in the error file of the run that read them."
    )
    empty = _("No file has been taken in yet.")

    @admin.display(description=_("started at"))
    def started(self, intake: Intake) -> str:
        return formats.date_format(timezone.localtime(intake.started_at), "Y-m-d H:i:s")

    @admin.display(description=_("finished at"))
    def finished(self, intake: Intake) -> str:
        return formats.date_format(timezone.localtime(intake.finished_at), "Y-m-d H:i:s") if intake.finished_at else ""

    def facts(self, request: HttpRequest, intake: Intake) -> list:
        return [
            (_("source"), intake.source),
            (_("profile"), intake.profile),
            (_("started at"), self.started(intake)),
            (_("finished at"), self.finished(intake)),
        ]

    def sections(self, request: HttpRequest, intake: Intake) -> list[Section]:
        counted = Section(
            title=_("Counts"),
            headers=[_("what"), _("rows")],
            numbers=frozenset({1}),
            rows=[[name, f"{value:,}" if isinstance(value, int) else value] for name, value in flat(intake.counts)],
            empty=_("Nothing was counted."),
        )
        return [counted]


def flat(counts: dict, *, before: str = "") -> list[tuple[str, object]]:
    """Return nested counts as pairs, the names joined by a space."""
    pairs: list[tuple[str, object]] = []
    for name, value in counts.items():
        label = f"{before} {name}".strip()
        pairs += flat(value, before=label) if isinstance(value, dict) else [(label, value)]
    return pairs
