"""The outbox in the console: what waits and what is quarantined, and the one verb, to try it again."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import moment_of
from foundation.jobs.admin import shown_at
from foundation.money import number
from foundation.outbox import relaying
from foundation.outbox.measuring import measure
from foundation.outbox.models import Obligation
from foundation.outbox.subscribing import subscribed
from foundation.refusals import Refusal
from foundation.web.browsing import BrowseAdmin, Choice, pill
from foundation.web.requests import actor

TRY_AGAIN = "outbox.change_obligation"


class State(Choice):
    """Obligations by how far they are."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("waiting", _("waiting")), ("quarantined", _("quarantined")), ("done", _("done"))]

    def queryset(self, request, queryset):
        match self.value():
            case "waiting":
                return queryset.waiting()
            case "quarantined":
                return queryset.open().exclude(quarantined_at=None)
            case "done":
                return queryset.exclude(done_at=None)
        return queryset


class Topic(Choice):
    """Obligations of a topic that somebody has subscribed to."""

    title = _("topic")
    parameter_name = "topic"

    def lookups(self, request, model_admin):
        return [(topic, topic) for topic in sorted(subscribed())]

    def queryset(self, request, queryset):
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(Obligation)
class ObligationAdmin(BrowseAdmin):
    keyset = ("-id",)
    list_display = ("topic", "member_id", "status_pill", "due", "attempts", "error")
    list_filter = (State, Topic)
    empty = _("Nothing has been owed yet.")

    @admin.display(description=_("status"))
    def status_pill(self, one: Obligation) -> str:
        if one.done_at:
            return pill("status-done", _("done"))
        if one.quarantined_at:
            return pill("status-failed", _("quarantined"))
        return pill("status-running", _("waiting") if one.topic in subscribed() else _("nobody subscribed yet"))

    @admin.display(description=_("due at"))
    def due(self, one: Obligation) -> str:
        return shown_at(one.due_at)

    @admin.display(description=_("last error"))
    def error(self, one: Obligation) -> str:
        return one.last_error

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        waiting, quarantined, oldest = 0, 0, 0.0
        for one in measure():
            waiting, quarantined = waiting + one.waiting, quarantined + one.quarantined
            oldest = max(oldest, one.oldest_seconds)
        intro = _(
            "What is owed after a change has committed: %(waiting)s waiting, the oldest for %(seconds)s seconds; "
            "%(quarantined)s quarantined."
        ) % {"waiting": number(waiting), "seconds": number(int(oldest)), "quarantined": number(quarantined)}
        return super().changelist_view(request, {"intro": intro})

    def facts(self, request: HttpRequest, one: Obligation) -> list:
        return [
            (_("status"), self.status_pill(one)),
            (_("member"), str(one.member_id)),
            (_("idempotency key"), one.key),
            (_("what"), json.dumps(one.payload, ensure_ascii=False)),
            (_("due at"), shown_at(one.due_at)),
            (_("done at"), shown_at(one.done_at)),
            (_("attempts"), one.attempts),
            (_("next attempt"), "" if one.done_at or one.quarantined_at else shown_at(one.not_before)),
            (_("quarantined at"), shown_at(one.quarantined_at)),
            (_("last error"), one.last_error),
        ]

    def get_urls(self) -> list:
        again = self.admin_site.admin_view(self.again_view)
        return [path("<uuid:object_id>/again/", again, name="outbox_obligation_again"), *super().get_urls()]

    def verb(self, request: HttpRequest, one: Obligation) -> dict[str, Any] | None:
        if one.quarantined_at is None or not request.user.has_perm(TRY_AGAIN):
            return None
        return {"url": reverse("admin:outbox_obligation_again", args=[one.pk]), "label": _("Try again")}

    def again_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Take an obligation out of quarantine."""
        if not request.user.has_perm(TRY_AGAIN):
            raise PermissionDenied
        one = self.found(request, str(object_id))
        form = forms.Form(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                transactions.commit(
                    relaying.try_again, obligation=one, at=moment_of(request.user), actor=actor(request)
                )
            except Refusal as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("admin:outbox_obligation_change", one.pk)
        return self.admin_site.page(request, "admin/form.html", title=_("Try again"), form=form, opts=self.opts)
