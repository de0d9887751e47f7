"""The member's consents: purpose by purpose, with date and version; taken back by one tap, as they were given."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import consents
from members.accepting import ConsentNeeded
from members.consent_texts import Channel
from members.consents import Choice
from members.models import Consent, Member
from portal.joining import chosen
from portal.views import member_form, unasked

HISTORY = 20
DONE = {
    "given": _("You agreed. You can take it back here at any time."),
    "withdrawn": _("Taken back. It holds from now on."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@member_form
def consents_page(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show how the member stands to each purpose; take one yes or no."""
    refusal, today = None, day_of(request.user)
    if request.method == "POST":
        version, given = request.POST.get("version", ""), request.POST.get("given") == "yes"
        choice = Choice(
            purpose=request.POST.get("purpose", ""),
            version=int(version) if version.isdecimal() and len(version) < 6 else 0,
            given=given,
        )
        try:
            _choose(request, member, [choice])
        except Refusal as error:
            refusal = error
        else:
            return redirect(f"{request.path}?done={'given' if given else 'withdrawn'}")
    shown = {
        "door": "me",
        "stands": consents.stands(member_id=member.pk, on=today),
        "history": Consent.objects.filter(member=member).select_related("text").order_by("-id")[:HISTORY],
        "refusal": refusal,
        "done": DONE.get(request.GET.get("done", "")),
    }
    return render(request, "portal/consents.html", shown, status=refusal.status if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@unasked
def agree(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Ask for what the membership rests on and the member has not agreed to yet; then go on to where he came for."""
    wanted = [stand.text for stand in consents.wanting(member_id=member.pk, on=day_of(request.user))]
    following = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure())
    refusal = None
    if wanted and request.method == "POST":
        choices = chosen(request, wanted)
        try:
            for text in wanted:
                if text.purpose not in {choice.purpose for choice in choices}:
                    raise ConsentNeeded(field=text.purpose, title=text.title)
            _choose(request, member, choices)
        except Refusal as error:
            refusal = error
        else:
            wanted = []
    if not wanted:
        return redirect(following if is_ours else "portal:home")
    ticked = [text.purpose for text in wanted if request.POST.get(text.purpose)]
    shown = {"texts": wanted, "ticked": ticked, "refusal": refusal, "next": following if is_ours else ""}
    return render(request, "portal/agree.html", shown)


def _choose(request: HttpRequest, member: Member, choices: list[Choice]) -> None:
    transactions.commit(
        consents.choose,
        choices=choices,
        member_id=member.pk,
        channel=Channel.PORTAL,
        today=day_of(request.user),
        at=moment_of(request.user),
        actor=actor(request),
    )
