"""Asking, in the console, for help with a sign-in: second factors taken away, or a sign-in closed; another person decides."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import recovering, visibility
from foundation.access.models import Branch, User
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member


class NobodyHere(Refusal):
    code = "nobody_signs_in_by_this"
    status = 422
    sentence = _("In your branches nobody signs in by this.")


class HelpForm(forms.Form):
    """Whose sign-in, what is to become of it, and why."""

    who = forms.CharField(
        label=_("Member number or user name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    do = forms.ChoiceField(
        label=_("What to do"),
        choices=[
            (recovering.RESET, _("Take away the second factors: the next sign-in sets up new ones")),
            (recovering.CLOSE, _("Close the sign-in: everything that is signed in ends")),
        ],
    )
    reason = forms.CharField(label=_("reason"), max_length=400)


def urls(view: Callable) -> list[URLPattern]:
    """Return the address, behind the console's `view`."""
    return [path("access/sign-ins/", view(ask), name="access_sign_ins")]


def ask(request: HttpRequest) -> HttpResponse:
    """Ask for it, and go on to the request; a refusal stands beside its field."""
    user: Any = request.user  # the console lets nobody in who is not signed in
    if not user.has_perm(recovering.MAY_REQUEST):
        raise PermissionDenied
    form, status = HelpForm(request.POST or None), 200
    if form.is_valid():
        try:
            made = _ask(request, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
        else:
            return redirect("admin:approvals_request_change", made.pk)
    answer = site.page(request, "admin/form.html", title=_("Help with a sign-in"), form=form, opts=Request._meta)
    answer.status_code = status
    return answer


def _ask(request: HttpRequest, *, who: str, do: str, reason: str) -> Request:
    user, branch = _found(request, who)
    return transactions.commit(
        recovering.ask,
        user=user,
        do=do,
        branch=branch,
        reason=reason,
        actor=actor(request),
        at=moment_of(request.user),
    )


def _found(request: HttpRequest, who: str) -> tuple[User, Branch]:
    """Return the sign-in of a member or of one of the staff in the user's branches, and the branch; refuses who is not there."""
    asking: Any = request.user
    paths = visibility.paths(asking, permission=recovering.MAY_REQUEST, on=day_of(asking))
    branches = Branch.objects.all() if asking.is_superuser else Branch.objects.under(paths)
    name = who.replace("\0", "")
    member = Member.objects.select_related("user", "branch").filter(number=name.upper(), branch__in=branches).first()
    if member and member.user:
        return member.user, member.branch
    for user in User.objects.filter(username=name, is_staff=True):
        held = visibility.postings(user, on=day_of(asking))
        for posting in held:
            if branches.filter(pk=posting.branch_id).exists():
                return user, posting.branch
    raise NobodyHere(field="who")
