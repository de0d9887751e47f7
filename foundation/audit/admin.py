"""The audit trail, to read, to search, and to take away as a signed file."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path, reverse
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import moment_of
from foundation.audit import exporting, searching
from foundation.audit.models import AuditEvent
from foundation.refusals import Refusal
from foundation.web.browsing import BrowseAdmin, KeysetList, Section
from foundation.web.fields import Day
from foundation.web.requests import actor

EXPORT = "audit.export_auditevent"


class SearchForm(forms.Form):
    """What to look for; each field narrows."""

    actor = forms.CharField(label=_("user name or employee number"), max_length=150, required=False)
    verb = forms.CharField(label=_("verb"), max_length=60, required=False)
    subject_kind = forms.CharField(label=_("kind of subject"), max_length=40, required=False)
    subject_id = forms.CharField(label=_("subject"), max_length=80, required=False)
    first = forms.DateField(label=_("first date"), widget=Day, required=False)
    last = forms.DateField(label=_("last date"), widget=Day, required=False)


class ExportForm(forms.Form):
    """The dates to export."""

    first = forms.DateField(label=_("first date"), widget=Day)
    last = forms.DateField(label=_("last date"), widget=Day)


class SearchedList(KeysetList):
    """The trail's list: what the search form knows is no filter of the list's own."""

    def get_filters_params(self, params=None) -> dict[str, Any]:
        known = super().get_filters_params(params)
        return {name: value for name, value in known.items() if name not in SearchForm.base_fields}


@admin.register(AuditEvent)
class AuditEventAdmin(BrowseAdmin):
    keyset = ("-at", "-id")
    list_display = ("moment", "verb", "doer", "subject_kind", "subject_id", "reason")
    list_select_related = ("actor",)
    intro = _("Every change, by whom, to what, and why: written with the change itself, never edited.")

    def get_changelist(self, request, **kwargs) -> type[KeysetList]:
        return SearchedList

    def get_queryset(self, request: HttpRequest):
        form = SearchForm(request.GET)
        if not form.is_valid():
            return AuditEvent.objects.none()
        return searching.search(**form.cleaned_data)

    def get_urls(self) -> list:
        export = self.admin_site.admin_view(self.export_view)
        return [path("export/", export, name="audit_auditevent_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        verb = {"url": reverse("admin:audit_auditevent_export"), "label": _("Export signed")}
        searched = SearchForm(request.GET if request.GET else None)
        return super().changelist_view(
            request, {"verb": verb if request.user.has_perm(EXPORT) else None, "search_form": searched}
        )

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Give the events of some dates as a file that is signed; the export itself is an event."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        form, at = ExportForm(request.POST or None), moment_of(request.user)
        if form.is_valid():
            try:
                head = transactions.commit(exporting.begin, **form.cleaned_data, actor=actor(request), at=at)
            except Refusal as refusal:
                form.add_error(refusal.field or None, str(refusal))
            else:
                name = f"audit-{form.cleaned_data['first']}-{form.cleaned_data['last']}.jsonl"
                answer = StreamingHttpResponse(exporting.lines(head, at=at), content_type="application/x-ndjson")
                answer["Content-Disposition"] = f'attachment; filename="{name}"'
                answer["Cache-Control"] = "no-store"
                return answer
        return self.admin_site.page(request, "admin/form.html", title=_("Export signed"), form=form, opts=self.opts)

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
