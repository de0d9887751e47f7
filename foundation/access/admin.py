"""The branch tree, to read; who is posted where, and the forms that post staff and end a posting."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import asking, visibility
from foundation.access import posting as postings
from foundation.access.models import Branch, Role, StaffPosting
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from foundation.web.browsing import BrowseAdmin, choose
from foundation.web.fields import Day
from foundation.web.requests import actor

POST_STAFF = "access.add_staffposting"


@admin.register(Branch)
class BranchAdmin(BrowseAdmin):
    keyset = ("path",)
    list_display = ("code", "indented", "parent")
    list_select_related = ("parent",)
    list_display_links = None
    intro = _("The bank's tree. A posting in a branch reaches everything under it.")

    @admin.display(description=_("name"))
    def indented(self, branch: Branch) -> str:
        return "\N{EM SPACE}" * (branch.path.count("/") - 1) + branch.name

    def get_queryset(self, request: HttpRequest):
        if request.user.is_superuser:
            return Branch.objects.all()
        held = visibility.postings(request.user, on=day_of(request.user))
        return Branch.objects.under([posting.branch.path for posting in held])


class PostingForm(forms.Form):
    """Whom to post where; the last three fields only for somebody who has no sign-in yet."""

    username = forms.CharField(label=_("user name"), max_length=150)
    branch = forms.ModelChoiceField(Branch.objects.order_by("path"), label=_("branch"))
    role = forms.ChoiceField(label=_("role"), choices=Role.choices)
    starts_on = forms.DateField(label=_("starts on"), widget=Day)
    ends_on = forms.DateField(
        label=_("ends on"), widget=Day, required=False, help_text=_("The first day without the posting.")
    )
    full_name = forms.CharField(label=_("full name"), max_length=80, required=False, help_text=_("For somebody new."))
    employee_number = forms.CharField(
        label=_("employee number"), max_length=20, required=False, help_text=_("For somebody new.")
    )
    password = forms.CharField(
        label=_("first password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        required=False,
        help_text=_("For somebody new; eight characters at least, not a common one."),
    )


class AskForm(forms.Form):
    """Whom to post where; another person decides."""

    username = forms.CharField(label=_("user name"), max_length=150)
    branch = forms.ModelChoiceField(Branch.objects.none(), label=_("branch"))
    role = forms.ChoiceField(label=_("role"), choices=Role.choices)
    starts_on = forms.DateField(label=_("starts on"), widget=Day)
    ends_on = forms.DateField(
        label=_("ends on"), widget=Day, required=False, help_text=_("The first day without the posting.")
    )
    reason = forms.CharField(label=_("reason"), max_length=400)

    def __init__(self, *arguments: Any, paths: list[str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["branch"].queryset = Branch.objects.under(paths).order_by("path")


class AskToEndForm(forms.Form):
    """When a posting is to end; another person decides."""

    ends_on = forms.DateField(label=_("ends on"), widget=Day, help_text=_("The first day without the posting."))
    reason = forms.CharField(label=_("reason"), max_length=400)


class EndForm(forms.Form):
    """When a posting ends."""

    ends_on = forms.DateField(label=_("ends on"), widget=Day, help_text=_("The first day without the posting."))


@admin.register(StaffPosting)
class StaffPostingAdmin(BrowseAdmin):
    keyset = ("-starts_on", "-id")
    list_display = ("user", "employee_number", "role", "branch", "starts_on", "ends_on")
    list_filter = (choose("role"),)
    list_select_related = ("user", "branch")
    intro = _("Who holds which role in which branch, and from when to when. The end is the first day without it.")

    @admin.display(description=_("employee number"))
    def employee_number(self, posting: StaffPosting) -> str:
        return posting.user.employee_number or ""

    def get_queryset(self, request: HttpRequest):
        if request.user.is_superuser:
            return StaffPosting.objects.all()
        paths = visibility.paths(request.user, permission=visibility.SEE_POSTINGS, on=day_of(request.user))
        return StaffPosting.objects.filter(branch__in=Branch.objects.under(paths))

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        return [
            path("post/", view(self.post_view), name="access_staffposting_post"),
            path("ask/", view(self.ask_view), name="access_staffposting_ask"),
            path("<int:object_id>/ask-to-end/", view(self.ask_to_end_view), name="access_staffposting_ask_to_end"),
            path("<int:object_id>/end/", view(self.end_view), name="access_staffposting_end"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        verb = {"url": reverse("admin:access_staffposting_post"), "label": _("Post staff")}
        if not request.user.has_perm(POST_STAFF):
            ask = {"url": reverse("admin:access_staffposting_ask"), "label": _("Ask for a posting")}
            verb = ask if request.user.has_perm(asking.MAY_REQUEST) else None
        return super().changelist_view(request, {"verb": verb})

    def facts(self, request: HttpRequest, posting: StaffPosting) -> list:
        return [
            (_("user"), posting.user.get_full_name()),
            (_("role"), posting.get_role_display()),
            (_("branch"), posting.branch),
            (_("starts on"), posting.starts_on),
            (_("ends on"), posting.ends_on),
        ]

    def verb(self, request: HttpRequest, posting: StaffPosting) -> dict[str, Any] | None:
        if posting.ends_on:
            return None
        if not request.user.has_perm(POST_STAFF):
            url = reverse("admin:access_staffposting_ask_to_end", args=[posting.pk])
            return {"url": url, "label": _("Ask to end it")} if request.user.has_perm(asking.MAY_REQUEST) else None
        return {"url": reverse("admin:access_staffposting_end", args=[posting.pk]), "label": _("End this posting")}

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a posting of somebody on the staff."""
        today = day_of(request.user)
        paths = visibility.paths(request.user, permission=asking.MAY_REQUEST, on=today)
        form = AskForm(request.POST or None, initial={"starts_on": today}, paths=paths)
        return self._form(
            request, form, title=_("Ask for a posting"), verb=asking.ask_to_post, permission=asking.MAY_REQUEST
        )

    def ask_to_end_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask to end a posting."""
        if not request.user.has_perm(asking.MAY_REQUEST):
            raise PermissionDenied
        held = self.found(request, str(object_id))
        form = AskToEndForm(request.POST or None, initial={"ends_on": day_of(request.user)})
        return self._form(
            request,
            form,
            title=_("Ask to end the posting of %(who)s") % {"who": held},
            verb=asking.ask_to_end,
            permission=asking.MAY_REQUEST,
            held=held,
        )

    def post_view(self, request: HttpRequest) -> HttpResponse:
        """Post a member of staff, new or known."""
        form = PostingForm(request.POST or None, initial={"starts_on": day_of(request.user)})
        return self._form(request, form, title=_("Post staff"), verb=_post)

    def end_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """End a posting."""
        if not request.user.has_perm(POST_STAFF):
            raise PermissionDenied
        posting = self.found(request, str(object_id))
        form = EndForm(request.POST or None, initial={"ends_on": day_of(request.user)})
        return self._form(
            request, form, title=_("End the posting of %(who)s") % {"who": posting}, verb=postings.end, posting=posting
        )

    def _form(
        self,
        request: HttpRequest,
        form: forms.Form,
        *,
        title: Any,
        verb: Any,
        permission: str = POST_STAFF,
        **arguments: Any,
    ) -> HttpResponse:
        """Show a verb's form, or commit the verb and go back to the list; a refusal stands beside its field."""
        if not request.user.has_perm(permission):
            raise PermissionDenied
        if form.is_valid():
            try:
                made = transactions.commit(
                    verb, **arguments, **form.cleaned_data, actor=actor(request), at=moment_of(request.user)
                )
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            else:
                if isinstance(made, Request):
                    return redirect("admin:approvals_request_change", made.pk)
                return redirect("admin:access_staffposting_changelist")
        return self.admin_site.page(request, "admin/form.html", title=title, form=form, opts=self.opts)


def _post(*, username: str, full_name: str, employee_number: str, password: str, **posting: Any) -> StaffPosting:
    """Employ somebody where he has no sign-in yet, and post him, in one transaction."""
    trail = {"actor": posting["actor"], "at": posting["at"]}
    user = postings.employ(
        username=username, full_name=full_name, employee_number=employee_number, password=password, **trail
    )
    return postings.post(user=user, **posting)
