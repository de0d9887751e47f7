"""The audit trail, to read."""

import json

from django.contrib import admin
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from foundation.audit.models import AuditEvent
from foundation.web.browsing import BrowseAdmin, Section


@admin.register(AuditEvent)
class AuditEventAdmin(BrowseAdmin):
    keyset = ("-at", "-id")
    list_display = ("moment", "verb", "doer", "subject_kind", "subject_id", "reason")
    list_select_related = ("actor",)
    intro = _("Every change, by whom, to what, and why: written with the change itself, never edited.")

    @admin.display(description=_("at"))
    def moment(self, event: AuditEvent) -> str:
        return formats.date_format(timezone.localtime(event.at), "Y-m-d H:i:s")

    @admin.display(description=_("actor"))
    def doer(self, event: AuditEvent) -> str:
        return event.actor.get_full_name() if event.actor else event.system

    def facts(self, request: HttpRequest, event: AuditEvent) -> list:
        return [
            (_("at"), self.moment(event)),
            (_("actor"), self.doer(event)),
            (_("subject"), f"{event.subject_kind} {event.subject_id}"),
            (_("reason"), event.reason),
            (_("address"), event.address),
            (_("request id"), event.request_id),
        ]

    def heading(self, event: AuditEvent) -> str:
        return event.verb

    def sections(self, request: HttpRequest, event: AuditEvent) -> list[Section]:
        old, new = event.old or {}, event.new or {}
        rows = [[name, written(old.get(name)), written(new.get(name))] for name in sorted(old.keys() | new.keys())]
        return [
            Section(
                title=_("What changed"),
                headers=[_("field"), _("old"), _("new")],
                rows=rows,
                empty=_("No figures were kept."),
            )
        ]


def written(value: object) -> str:
    """Write a value of the trail as it was kept."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
