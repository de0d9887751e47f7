"""The intakes and the parked reversals, to read: what came, what was taken, what waits, what was refused."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from activity.models import Intake, ParkedReversal
from foundation.money import money
from foundation.web.browsing import BrowseAdmin, Section, choose, pill


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


@admin.register(ParkedReversal)
class ParkedReversalAdmin(BrowseAdmin):
    keyset = ("-id",)
    list_display = ("reversal", "reverses", "amount", "occurred_on", "parked", "state")
    list_display_links = None
    list_select_related = ("source", "original_source")
    list_filter = (choose("outcome"),)
    intro = _(
        "Reversals that came before their activity. Each is looked at when activities are recorded and every night;"
        " one that does not fit then stays here with its reason."
    )
    empty = _("Every reversal has found its activity.")

    @admin.display(description=_("reversal"))
    def reversal(self, row: ParkedReversal) -> str:
        return str(row)

    @admin.display(description=_("reverses"))
    def reverses(self, row: ParkedReversal) -> str:
        return f"{row.original_source}/{row.original_external_id}"

    @admin.display(description=_("amount"))
    def amount(self, row: ParkedReversal) -> str:
        if row.amount_minor is None:
            return _("all that is left")
        return money(row.amount_minor, currency=row.currency).strip()

    @admin.display(description=_("parked at"))
    def parked(self, row: ParkedReversal) -> str:
        return formats.date_format(timezone.localtime(row.parked_at), "Y-m-d H:i")

    @admin.display(description=_("outcome"))
    def state(self, row: ParkedReversal) -> str:
        kinds = {ParkedReversal.Outcome.PARKED: "status-running", ParkedReversal.Outcome.RECORDED: "status-done"}
        return pill(kinds.get(row.outcome, "status-failed"), row.get_outcome_display())
