"""The apps that act for the member: which, since when, last used when, for what; and the end of it by one tap."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from oauth2_provider.scopes import get_scopes_backend

from foundation import transactions
from foundation.access import grants
from foundation.access.signing_in import moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from portal.views import member_form, member_page


@member_page
def apps(request: HttpRequest, *, member: Member) -> HttpResponse:
    """List the apps that may act for the member."""
    return _page(request)


@require_POST
@member_form
def disconnect(request: HttpRequest, *, member: Member, app_id: int) -> HttpResponse:
    """End what an app may do; its tokens are dead at once."""
    ended = {"user": request.user, "app_id": app_id, "at": moment_of(request.user), "actor": actor(request)}
    try:
        transactions.commit(grants.disconnect, **ended)
    except Refusal as refusal:
        return _page(request, refusal=refusal)
    return redirect(f"{request.path.rpartition('/apps/')[0]}/apps?done=1")


def _page(request: HttpRequest, *, refusal: Refusal | None = None) -> HttpResponse:
    words = get_scopes_backend().get_all_scopes()
    found = grants.connected(user=request.user, at=moment_of(request.user))
    shown = {
        "door": "me",
        "connections": [(one, [words[code] for code in one.scopes if code in words]) for one in found],
        "refusal": refusal,
        "done": _("Ended. The app can do nothing more for you.") if request.GET.get("done") else "",
    }
    return render(request, "portal/apps.html", shown, status=refusal.status if refusal else 200)
