"""The approvals inbox: what waits, what it would change, and the small forms that decide."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Subquery, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import stepping_up
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals import deciding, requesting
from foundation.approvals.kinds import kind_of, registered
from foundation.approvals.models import Decision, Request, employee_number_of
from foundation.audit.models import AuditEvent
from foundation.jobs.models import Bank
from foundation.money import money, number
from foundation.refusals import Refusal
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Choice, choose
from foundation.web.requests import actor

WHAT_HAPPENED = {
    "approvals.request": _("asked for"),
    "approvals.approve": _("approved"),
    "approvals.reject": _("rejected"),
    "approvals.withdraw": _("taken back"),
    "approvals.set_aside": _("found out of date"),
}


class ForMe(Choice):
    """Requests that the user may decide on."""

    title = _("To decide")
    parameter_name = "to"

    def lookups(self, request, model_admin):
        return [("me", _("by me")), ("mine", _("asked for by me"))]

    def queryset(self, request, queryset):
        user = request.user
        if self.value() == "me":
            mine = Request.objects.for_decision_by(user, on=day_of(user)).waiting(at=moment_of(user))
            return queryset.filter(pk__in=mine.values("pk"))
        return queryset.filter(requested_by=user) if self.value() == "mine" else queryset


@admin.register(Request)
class RequestAdmin(BrowseAdmin):
    keyset = ("settled", "-requested_at", "-id")
    list_display = ("what", "status_pill", "amount_shown", "worth", "age", "reason", "who", "branch")
    list_filter = (ForMe, choose("status"))
    list_select_related = ("branch", "requested_by")
    intro = _("What somebody asked for and another person decides. What waits stands first.")
    empty = _("No request here.")

    def get_queryset(self, request: HttpRequest):
        settled = Case(When(status="pending", then=Value(0)), default=Value(1), output_field=IntegerField())
        visible = Request.objects.visible_to(request.user, on=day_of(request.user)).annotate(settled=settled)
        if request.resolver_match.url_name == "approvals_request_changelist":
            # A payload may be a file of thousands of rows.
            currency = Subquery(Bank.objects.values("currency")[:1])
            return visible.annotate(currency=currency).defer("payload")
        return visible.select_related("branch", "requested_by")

    @admin.display(description=_("what"))
    def what(self, made: Request) -> str:
        return kind_of(made.kind).label

    @admin.display(description=_("asked for by"))
    def who(self, made: Request) -> str:
        return made.requested_by.get_full_name()

    @admin.display(description=_("amount"))
    def amount_shown(self, made: Request) -> str:
        return number(made.amount)

    @admin.display(description=_("money impact"))
    def worth(self, made: Request) -> str:
        return "" if made.worth_minor is None else money(made.worth_minor, currency=made.currency)

    @admin.display(description=_("age"))
    def age(self, made: Request) -> str:
        return timesince(made.requested_at, depth=1)

    @admin.display(description=_("status"))
    def status_pill(self, made: Request) -> str:
        own = browsing.pill("status-failed", _("credits the requester himself")) if made.own_account else ""
        return format_html("{} {}", browsing.status_pill(made), own)

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        verbs = [
            {"url": reverse(kind.ask_view), "label": kind.ask_label}
            for kind in registered()
            if kind.ask_view and request.user.has_perm(kind.permission_to_request)
        ]
        return super().changelist_view(request, {"verb": next(iter(verbs), None)})

    def get_urls(self) -> list:
        view, each = self.admin_site.admin_view, "<uuid:object_id>"
        return [
            *(
                path(f"{each}/{name}/", view(getattr(self, f"{name}_view")), name=f"approvals_request_{name}")
                for name in ("approve", "reject", "withdraw", "again")
            ),
            *super().get_urls(),
        ]

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a request: what it would change, why, its history, and the forms for whom it waits."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, self.found(request, unquote(object_id)))

    def approve_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """Approve, and do it."""
        said = {"seen_hash": request.POST.get("seen", ""), "comment": request.POST.get("comment", "")}
        return self._commit(request, object_id, deciding.approve, done=_("Approved and done."), **said)

    def reject_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """Reject, saying why."""
        comment = request.POST.get("comment", "")
        return self._commit(request, object_id, deciding.reject, done=_("Rejected; nothing was done."), comment=comment)

    def withdraw_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """Take one's own request back."""
        return self._commit(request, object_id, requesting.withdraw, done=_("Taken back."))

    def again_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """Ask anew for what came to nothing."""
        self._must_be_a_post(request)
        try:
            new = uuid.UUID(request.POST.get("id", ""))
        except ValueError as error:
            raise Http404 from error
        return self._commit(request, object_id, requesting.again, done=_("Asked for anew."), id=new)

    def _commit(self, request: HttpRequest, object_id: uuid.UUID, verb: Any, *, done: Any, **said: Any) -> HttpResponse:
        """Commit a verb on a request and show its page; a refusal stands at its top, and a stale request is marked as such."""
        self._must_be_a_post(request)
        made = self.found(request, str(object_id))
        decides = verb in (deciding.approve, deciding.reject)
        if decides and stepping_up.is_asked(request, for_what=stepping_up.DECIDE, at=moment_of(request.user)):
            return stepping_up.confirm_first(reverse("admin:approvals_request_change", args=[object_id]))
        trail = {"actor": actor(request), "at": moment_of(request.user)}
        try:
            outcome = transactions.commit(verb, request_id=object_id, **said, **trail)
        except requesting.NoSuchRequest as refusal:
            raise Http404 from refusal
        except Refusal as refusal:
            if refusal.code == requesting.Stale.code:
                transactions.commit(deciding.set_aside, request_id=object_id, **trail)
                made.refresh_from_db(fields=["status", "settled_at"])
            response = self._page(request, made, refused=refusal)
            response.status_code = refusal.status
            return response
        messages.success(request, done)
        return redirect("admin:approvals_request_change", outcome.pk if isinstance(outcome, Request) else object_id)

    def _must_be_a_post(self, request: HttpRequest) -> None:
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, made: Request, *, refused: Refusal | None = None) -> HttpResponse:
        user, at, known = request.user, moment_of(request.user), kind_of(made.kind)
        waits = made.status == Request.Status.PENDING and made.expires_at > at
        own = user.pk == made.requested_by_id or employee_number_of(user) == made.employee_number
        may_decide = waits and not own and bool(deciding.limits_in(user, made, on=day_of(user)))
        decision = Decision.objects.filter(request=made).select_related("decided_by").first()
        context = {
            "opts": self.opts,
            "title": known.label,
            "made": made,
            "currency": Bank.objects.values_list("currency", flat=True).first() or "",
            "described": known.describe(made.payload, user=user, as_of=day_of(user)),
            "decision": decision,
            "history": history_of(made),
            "waits": waits,
            "own": own,
            "may_decide": may_decide,
            "over_limit": may_decide and not deciding.within_limit(user, made, at=at),
            "gains": may_decide and known.credits(made.payload, user),
            "may_ask_again": own and not waits and made.status not in (Request.Status.APPROVED, Request.Status.PENDING),
            "new_id": str(uuid.uuid4()),
            "refused": refused,
        }
        return self.admin_site.page(request, "admin/approval.html", **context)


def history_of(made: Request) -> list[dict[str, Any]]:
    """Return what happened to a request, in order: when, what, by whom, with what words."""
    events = AuditEvent.objects.filter(subject_kind="request", subject_id=str(made.pk)).select_related("actor")
    return [
        {
            "at": formats.date_format(timezone.localtime(event.at), "Y-m-d H:i"),
            "what": WHAT_HAPPENED.get(event.verb, event.verb),
            "who": event.actor.get_full_name() if event.actor else event.system,
            "words": event.reason,
        }
        for event in events.order_by("at")
    ]
