"""The page on which a member lets an app act for him: which app, what it may do, yes or no (OAuth 2, authorization code with PKCE)."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from oauth2_provider.views import AuthorizationView

from foundation.access.models import SystemClient
from foundation.access.scopes import OF_MEMBERS
from foundation.access.token_views import is_plain
from members.models import Member
from portal.views import member_form

# Nothing but a code, and nothing asked without the member's own yes: `approval_prompt=auto` would answer for him (RFC 8252 §8.6).
HIS_OWN_YES = ("approval_prompt", "prompt")


class Authorization(AuthorizationView):
    """Checks what the app asks, shows it, and sends the member back to the app with a code or with his no."""

    template_name = "portal/authorize.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what the app asks; S256 is the only challenge (RFC 7636)."""
        request.GET = request.GET.copy()
        for name in HIS_OWN_YES:
            request.GET.pop(name, None)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown = super().get_context_data(**context)
        asked = dict(zip(shown.get("scopes", ()), shown.get("scopes_descriptions", ()), strict=True))
        return shown | {"asked": [(code, asked[code]) for code in OF_MEMBERS if code in asked]}

    def render_to_response(self, context: dict[str, Any], **more: Any) -> HttpResponse:
        """Answer, and let the form's answer lead to the app's address, which is all that the policy opens."""
        response = super().render_to_response(context, **more)
        if "error" not in context:
            response._csp_update = {"form-action": [_source_of(context["redirect_uri"])]}
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return refused(self.request)

    def error_response(self, error: Any, application: SystemClient | None, **more: Any) -> HttpResponse:
        """Send the app its error where its address is known to be its own; else tell the member."""
        if application is None:
            client_id = self.request.GET.get("client_id", "")
            application = SystemClient.objects.filter(client_id=client_id).first()
        return super().error_response(error, application, **more)


_page = Authorization.as_view()


@require_http_methods(["GET", "HEAD", "POST"])
@member_form
def authorize(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Ask a member whether an app may act for him; staff and strangers are led to their own doors."""
    if member.status == Member.Status.CLOSED or not is_plain(request):
        return refused(request)
    if request.method == "POST" and not _is_asked_by_an_app(request):
        return refused(request)
    return _page(request)


def refused(request: HttpRequest) -> HttpResponse:
    """Say that what was asked can't be answered, and lead nowhere."""
    return render(request, "portal/authorize.html", {"error": True}, status=400)


def _is_asked_by_an_app(request: HttpRequest) -> bool:
    return SystemClient.objects.filter(client_id=request.POST.get("client_id", "")).exists()


def _source_of(address: str) -> str:
    """Return an address of an app as a source of the policy: its origin, or the scheme of its own."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
