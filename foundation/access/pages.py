"""Settings & access in the console: what each role allows, how much it may decide, and for the whole bank the systems that call the API."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from foundation.access import limits, roles, visibility
from foundation.access.models import Role, SystemClient
from foundation.access.signing_in import day_of
from foundation.access.wording import WORDS
from foundation.approvals.kinds import registered
from foundation.money import number
from foundation.web.browsing import Section

SEE_ROLES = "access.view_role"


def urls(view: Callable) -> list[URLPattern]:
    """Return the address, behind the console's `view`."""
    return [path("access/", view(settings), name="access_settings")]


def settings(request: HttpRequest) -> HttpResponse:
    """Show the tables of roles.py and limits.py as they are, and the API clients with their scopes."""
    user: Any = request.user  # the console lets nobody in who is not signed in
    if not user.has_perm(SEE_ROLES):
        raise PermissionDenied
    sections = [_roles(), _limits()]
    # The systems are the bank's: a branch has none.
    if visibility.sees_the_bank(user, permission=SEE_ROLES, on=day_of(user)):
        sections += [_clients(), _apps()]
    page = {**site.each_context(request), "title": _("Settings and access"), "sections": sections}
    return TemplateResponse(request, "admin/access.html", page)


def _roles() -> Section:
    rows = [
        [
            f"{capfirst(WORDS[permission])}{' *' if permission in roles.OF_THE_BANK else ''}",
            *("✓" if permission in roles.PERMISSIONS[role] else "" for role in Role),
        ]
        for permission in sorted(WORDS, key=lambda one: (one.partition(".")[0], str(WORDS[one])))
    ]
    return Section(
        title=_("What a role allows"),
        sentences=[
            _(
                "Within the branches of the posting, and nowhere else. What bears a star only a posting in head office gives."
            ),
            _("The table stands in the code: changing it is a reviewed change of the system."),
        ],
        headers=[_("may"), *(role.label for role in Role)],
        rows=rows,
    )


def _limits() -> Section:
    def shown(limit: limits.Limit | None, part: str) -> Any:
        if limit is None:
            return ""
        value = getattr(limit, part)
        return _("without limit") if value is None else number(value)

    rows = [
        [kind.label, Role(role).label, shown(limit, "single"), shown(limit, "a_day")]
        for kind in registered()
        for role, limit in limits.LIMITS.get(kind.code, {}).items()
    ]
    headers = [_("kind of request"), _("role"), _("at once"), _("in a day")]
    return Section(title=_("How much a role may decide"), headers=headers, rows=rows)


def _clients() -> Section:
    rows = [
        [client.name, client.client_id, " ".join(client.scopes) or _("none"), client.created.date()]
        for client in SystemClient.objects.order_by("name", "id")
        if not client.is_app
    ]
    headers = [_("API client"), _("client id"), _("scopes"), _("since")]
    return Section(
        title=_("Systems that call the API"), headers=headers, rows=rows, empty=_("No system calls the API yet.")
    )


def _apps() -> Section:
    rows = [
        [app.name, app.client_id, " ".join(app.scopes) or _("none"), app.redirect_uris, app.created.date()]
        for app in SystemClient.objects.order_by("name", "id")
        if app.is_app
    ]
    headers = [_("app"), _("client id"), _("scopes"), _("called back at"), _("since")]
    return Section(
        title=_("Apps that act for members"), headers=headers, rows=rows, empty=_("No app acts for members yet.")
    )
