"""A membership's state in the console: suspended, reinstated by two, woken, released, closed; and invitations sent and repeated."""

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import inviting, leaving, spending, suspending, waking
from members.models import Member, StatusChange
from members.moving import LONGEST_NOTE
from members.states import CLOSE, REINSTATE, SUSPEND, WAKE, Reason, State
from membership_site.counter import REDEEM, served

HISTORY = 50


class ReasonForm(forms.Form):
    """Why, out of the reasons of a move, and more in words; `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.ChoiceField(label=_("reason"))
    note = forms.CharField(
        label=_("note"), max_length=LONGEST_NOTE, required=False, help_text=_("No names and no numbers of people.")
    )

    def __init__(self, *arguments: Any, reasons: Iterable[Reason], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["reason"].choices = [(reason.value, reason.label) for reason in reasons]


class WordsForm(forms.Form):
    """Why, in words."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=200, help_text=_("No names and no numbers of people."))


class PlainForm(forms.Form):
    """Nothing but the button."""

    id = forms.UUIDField(widget=forms.HiddenInput)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doing:
    """One thing to do with a membership: who may, in which states, by which verb, and the words for it."""

    permission: str
    states: Iterable[str]
    verb: Callable[..., Any]
    label: Any
    sentence: Any
    done: Any
    reasons: tuple[Reason, ...] = ()
    in_words: bool = False
    asks_two: bool = False

    def fits(self, member: Member) -> bool:
        """Tell whether the membership is in a state in which this can be done."""
        return member.state in self.states


DOINGS: dict[str, Doing] = {
    "suspend": Doing(
        permission=suspending.MAY_SUSPEND,
        states=SUSPEND.origins,
        verb=suspending.suspend,
        label=_("Suspend the membership"),
        sentence=_(
            "Nothing is earned and nothing spent until two people have lifted it. What he does meanwhile earns then."
        ),
        done=_("Suspended."),
        reasons=SUSPEND.reasons,
    ),
    "reinstate": Doing(
        permission=suspending.MAY_SUSPEND,
        states=REINSTATE.origins,
        verb=suspending.ask_to_reinstate,
        label=_("Ask to reinstate"),
        sentence=_("Another person of compliance decides. Then he earns and spends again."),
        done=_("Asked for: another person decides."),
        reasons=REINSTATE.reasons,
        asks_two=True,
    ),
    "wake": Doing(
        permission=REDEEM,
        states=WAKE.origins,
        verb=waking.wake_at_counter,
        label=_("Wake the membership"),
        sentence=_("The member stands before you and has shown his document. Then he can use his points again."),
        done=_("Awake."),
    ),
    "release": Doing(
        permission=waking.MAY_RELEASE,
        states=(State.ACTIVE,),
        verb=waking.release,
        label=_("Release after the change of contact"),
        sentence=_("You have made sure that the new contact is the member's own. Then he can use his points at once."),
        done=_("Released."),
        in_words=True,
    ),
    "close": Doing(
        permission=leaving.MAY_CLOSE,
        states=CLOSE.origins,
        verb=leaving.close,
        label=_("Close the membership"),
        sentence=_("For good: his points can't be used any more, his sign-in ends."),
        done=_("Closed."),
        reasons=CLOSE.reasons,
    ),
    "invite": Doing(
        permission=inviting.MAY_INVITE,
        states=(State.INVITED,),
        verb=inviting.invite_again,
        label=_("Invite to join"),
        sentence=_(
            "He gets a message in his language with the way to join, at most once a week and three times in all."
        ),
        done=_("Invited."),
    ),
}


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("members/invitations/", view(invitations), name="members_invitations"),
        path("members/member/<int:member_id>/status/<slug:doing>/", view(do), name="members_member_status"),
    ]


def doings(request: HttpRequest, member: Member) -> list[tuple[str, Any]]:
    """Return what the user may do with this membership now: address and label each. A member is of his branches already."""
    return [
        (reverse("admin:members_member_status", args=[member.pk, name]), doing.label)
        for name, doing in DOINGS.items()
        if doing.fits(member)
        and (name != "release" or member.cools_off_until)
        and request.user.has_perm(doing.permission)
    ]


def notices(member: Member) -> list[str]:
    """Return in sentences what is to know of the membership's state before anything else."""
    said = [] if member.state == State.SUSPENDED else [spending.sentence_of(member)]
    if member.state == State.SUSPENDED and (since := suspending.standing(member.pk)):
        who = since.actor.get_full_name() if since.actor else "–"
        why = ": ".join(filter(None, (str(since.get_reason_display()), since.note)))
        told = {"date": date_format(since.changed_on, "SHORT_DATE_FORMAT"), "who": who, "why": why}
        said.append(str(_("Suspended since %(date)s by %(who)s. %(why)s") % told))
    if member.leaves_at:
        said.append(str(_("The member has asked to close his membership; for a day he can think better of it.")))
    return [sentence for sentence in said if sentence]


def history(member: Member) -> list[StatusChange]:
    """Return the membership's moves, the latest first."""
    return list(StatusChange.objects.filter(member=member).select_related("actor").order_by("-id")[:HISTORY])


def do(request: HttpRequest, member_id: int, doing: str) -> HttpResponse:
    """Ask what is to be asked, and do it with one membership."""
    chosen = DOINGS.get(doing)
    if chosen is None:
        raise Http404
    member = served(request, member_id, permission=chosen.permission)
    form = _form(chosen, request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = {key: value for key, value in form.cleaned_data.items() if key != "id" or chosen.asks_two}
        try:
            made = transactions.commit(
                chosen.verb, member=member, at=moment_of(request.user), actor=actor(request), **said
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, chosen.done)
            if isinstance(made, Request):
                return redirect("admin:approvals_request_change", made.pk)
            return redirect(f"{reverse('admin:members_member_change', args=[member.pk])}?tab=status")
    person = getattr(member, "person", None)
    who = " ".join(filter(None, (member.number, person.masked_name if person else "", "·", member.get_state_display())))
    return site.page(
        request,
        "admin/form.html",
        title=chosen.label,
        form=form,
        opts=Member._meta,
        sentences=[who, chosen.sentence],
    )


def _form(doing: Doing, data: Any) -> forms.Form:
    initial = {"id": uuid.uuid4()}
    if doing.reasons:
        return ReasonForm(data, initial=initial, reasons=doing.reasons)
    return WordsForm(data, initial=initial) if doing.in_words else PlainForm(data, initial=initial)


def invitations(request: HttpRequest) -> HttpResponse:
    """Say how many loaded members of the user's branches were never invited, and invite them, some thousands at a time."""
    if not request.user.has_perm(inviting.MAY_INVITE):
        raise PermissionDenied
    members = Member.objects.all()
    if not request.user.is_superuser:
        members = members.in_branches(_paths(request, on=day_of(request.user)))
    form = PlainForm(request.POST or None, initial={"id": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        sent = transactions.commit(inviting.invite, members=members, at=moment_of(request.user), actor=actor(request))
        said = ngettext("%(count)s member invited.", "%(count)s members invited.", sent) % {"count": number(sent)}
        messages.success(request, said)
        return redirect("admin:members_invitations")
    waiting = inviting.never_invited(members).count()
    said = ngettext(
        "%(count)s member was loaded and has not been invited yet.",
        "%(count)s members were loaded and have not been invited yet.",
        waiting,
    ) % {"count": number(waiting)}
    most = _("At most %(most)s at a time, each once; not in his quiet hours. Who has said no is left in peace.")
    return site.page(
        request,
        "admin/form.html",
        title=_("Send invitations"),
        form=form,
        opts=Member._meta,
        sentences=[said, most % {"most": number(inviting.AT_ONCE)}],
    )


def _paths(request: HttpRequest, *, on: datetime.date) -> list[str]:
    return visibility.paths(request.user, permission=inviting.MAY_INVITE, on=on)
