"""Signing in, or joining, by the bank's own sign-in (internet banking): a customer whom the bank knows types nothing again."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from foundation import periods, transactions
from foundation.access import signing_in, vouching
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import recognising
from members.recognising import Customer
from portal.joining import VERIFIED, newcomer

ASKED = "bank_sign_in"


@require_safe
@newcomer
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the bank's sign-in, with a question that only its session can have answered."""
    if not vouching.is_on():
        raise Http404
    try:
        asked = vouching.ask(back=_back())
    except Refusal as refusal:
        return _refused(request, refusal)
    request.session[ASKED] = asked.kept | {"next": request.GET.get("next", "")}
    return redirect(asked.url)


@require_safe
@newcomer
def back(request: HttpRequest) -> HttpResponse:
    """Hear the bank's answer: let a member in, ask anybody else for his consents and nothing more."""
    if not vouching.is_on():
        raise Http404
    # Once: who comes a second time with one answer asks anew.
    kept = request.session.pop(ASKED, None)
    try:
        if kept is None:
            raise vouching.NotVouchedFor
        said = {name: request.GET[name] for name in ("state", "code", "iss") if name in request.GET}
        return _go_on(request, vouching.hear(said=said, kept=kept, back=_back()), kept["next"])
    except Refusal as refusal:
        return _refused(request, refusal)


def _go_on(request: HttpRequest, claims: dict, following: str) -> HttpResponse:
    at = clock.now()
    today = periods.day_of(at)
    customer = Customer.of(
        claims,
        number_claim=settings.BANK_OIDC_NUMBER_CLAIM,
        document_claim=settings.BANK_OIDC_DOCUMENT_CLAIM,
        language=get_language() or "en",
        today=today,
    )
    user = transactions.commit(recognising.let_in, customer=customer, at=at, actor=actor(request))
    if user is not None:
        is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure())
        return signing_in.let_in(request, user, by="bank", then=following if is_ours else reverse("portal:home"))
    enrolment = transactions.commit(recognising.begin, customer=customer, today=today, at=at, actor=actor(request))
    # A session that was planted before is not the one that goes on.
    request.session.cycle_key()
    request.session[VERIFIED] = str(enrolment.pk)
    return redirect("portal:join_agree")


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    answer = render(request, "portal/bank_sign_in.html", {"refusal": refusal}, status=refusal.status)
    if refusal.retry_after_seconds:
        answer["Retry-After"] = str(refusal.retry_after_seconds)
    return answer


def _back() -> str:
    """Return where the bank answers to: this site's own address, never the request's."""
    return f"{settings.SITE_URL}{reverse('portal:bank_sign_in_back')}"
