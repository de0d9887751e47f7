"""A member's file in the console: what is known of him, masked by role, since when and under what consent; and the forms that mend it."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.fields import Day
from foundation.web.requests import actor
from members import knowing
from members.facts import CATALOGUE, FACTS, age_on
from members.file_books import Known
from members.files import FactSource
from members.filling_in import field_of, written
from members.models import Member, MemberFile

MEND = "members.mend_file"
# What staff may say of where they know it from.
SOURCES = [(one.value, one.label) for one in (FactSource.TOLD, FactSource.DOCUMENT)]


class MendForm(forms.Form):
    """What staff were told or saw, and when; every fact that stays empty stays as it is."""

    source = forms.ChoiceField(label=gettext_lazy("source"), choices=SOURCES)
    told_on = forms.DateField(label=gettext_lazy("told on"), widget=Day)
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        max_length=200,
        help_text=gettext_lazy("As the audit trail keeps it. No names and no numbers of people."),
    )

    def __init__(self, *arguments: Any, today: datetime.date, **named: Any) -> None:
        super().__init__(*arguments, initial={"told_on": today}, **named)
        # What is known is not written into the page that corrects it.
        for fact in CATALOGUE:
            self.fields[fact.code] = field_of(fact, empty=_("as it is"))

    def told(self) -> dict[str, str]:
        """Return what was filled in, by fact."""
        return {code: value for code in FACTS if (value := written(self.cleaned_data[code]))}


class ConfirmForm(forms.Form):
    """That the whole file was looked through."""

    reason = forms.CharField(label=gettext_lazy("reason"), max_length=200)


def urls(view: Callable) -> list[URLPattern]:
    """Return the addresses, each behind the console's `view`."""
    member = "members/member/<int:member_id>/file"
    return [
        path(f"{member}/mend/", view(mend), name="members_file_mend"),
        path(f"{member}/confirm/", view(confirm), name="members_file_confirm"),
    ]


def labels(codes: Sequence[str], *, most: int = len(FACTS)) -> str:
    """Return facts by their names, in the reader's language; of more than `most`, how many more there are."""
    names = ", ".join(str(FACTS[code].label) for code in codes[:most] if code in FACTS)
    return f"{names} +{len(codes) - most}" if len(codes) > most else names


def may_mend(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may correct this member's file; the branch came with the member."""
    user = request.user
    if member.status == Member.Status.CLOSED:
        return False
    return user.is_superuser or bool(
        visibility.roles_in(user, permission=MEND, path=member.branch.path, on=day_of(user))
    )


def file_of(request: HttpRequest, member: Member, *, said: frozenset[str]) -> dict[str, Any]:
    """Return the member's file as this user may see it: rows in the order of the catalogue, and its scores; no query."""
    today = day_of(request.user)
    roles = visibility.roles_in(request.user, permission=visibility.SEE_MEMBERS, path=member.branch.path, on=today)
    file: MemberFile | None = getattr(member, "file", None)
    known = knowing.read(member, said=said, on=today)
    return {
        "file": file,
        "known": [{"one": one, "shown": shown(one, roles=roles, today=today)} for one in known],
        "missing": labels(file.missing) if file else "",
        "stale": labels(file.stale) if file else "",
        "is_due": file is not None and file.due_on <= today,
    }


def shown(one: Known, *, roles: set[str], today: datetime.date) -> str:
    """Return what of a fact people in these roles may see; of a birth the age."""
    if one.fact.code == "birth_date" and one.value:
        years = age_on(datetime.date.fromisoformat(one.value), today)
        return ngettext("%(years)s year old", "%(years)s years old", years) % {"years": years}
    return one.worded if roles & one.fact.in_clear_to else one.masked


def mend(request: HttpRequest, member_id: int) -> HttpResponse:
    """Take what staff were told or saw of a member; a refusal stands at its field."""
    member, today = _of_his_branches(request, member_id), day_of(request.user)

    def do(form: MendForm) -> None:
        said = {name: form.cleaned_data[name] for name in ("source", "told_on", "reason")}
        changed = transactions.commit(
            knowing.put,
            member_id=member.pk,
            facts=form.told(),
            today=today,
            at=moment_of(request.user),
            actor=actor(request),
            **said,
        )
        done = ngettext("%(n)s detail was written.", "%(n)s details were written.", len(changed))
        messages.success(request, done % {"n": len(changed)} if changed else _("Nothing has changed."))

    form = MendForm(request.POST or None, today=today)
    sentences = [member.number, _("Fill in what has changed; what stays empty stays as it is.")]
    return _form(request, member, form, do=do, title=_("Correct the file"), sentences=sentences)


def confirm(request: HttpRequest, member_id: int) -> HttpResponse:
    """Write that the file was looked through with the member and is right."""
    member = _of_his_branches(request, member_id)

    def do(form: ConfirmForm) -> None:
        transactions.commit(
            knowing.confirm,
            member_id=member.pk,
            today=day_of(request.user),
            at=moment_of(request.user),
            actor=actor(request),
            **form.cleaned_data,
        )
        messages.success(request, _("The file counts as looked through today."))

    sentences = [member.number, _("Everything held counts as told today, and the next review begins to run.")]
    title = _("Looked through: all is right")
    return _form(request, member, ConfirmForm(request.POST or None), do=do, title=title, sentences=sentences)


def _form(
    request: HttpRequest, member: Member, form: Any, *, do: Callable[[Any], None], title: str, sentences: list[str]
) -> HttpResponse:
    """Show a form, or do what it asks for and go back to the file."""
    status = 200
    if form.is_valid():
        try:
            do(form)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
        else:
            return redirect(f"{reverse('admin:members_member_change', args=[member.pk])}?tab=file")
    answer = site.page(request, "admin/form.html", title=title, form=form, opts=Member._meta, sentences=sentences)
    answer.status_code = status
    return answer


def _of_his_branches(request: HttpRequest, member_id: int) -> Member:
    """Return an open membership whose file the user may correct; one outside his branches does not exist for him."""
    user = request.user
    if not user.has_perm(MEND):
        raise PermissionDenied
    members = Member.objects.exclude(status=Member.Status.CLOSED)
    if not user.is_superuser:
        members = members.in_branches(visibility.paths(user, permission=MEND, on=day_of(user)))
    member = members.filter(pk=min(member_id, 2**63 - 1)).first()
    if member is None:
        raise Http404
    return member
