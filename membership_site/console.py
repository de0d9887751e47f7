"""The staff console: Django's admin with our thin theme (docs/adr/0006)."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from books import views as books
from foundation.access import pages as access
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals import waiting
from foundation.web.browsing import BrowseAdmin
from membership_site import (
    caring,
    corrections,
    file_pages,
    freezes,
    households,
    ledger_pages,
    member_data,
    merges,
    reception,
    revealing,
    sign_ins,
    statuses,
)
from membership_site.home import home
from membership_site.searching import search
from privacy import pages as retention

INBOX = "admin:approvals_request_changelist"
# Group, then (permission, address, label, icon): a door is shown to whom it opens.
MENU = [
    (
        _("Today"),
        [
            ("", "admin:index", _("Home"), "home"),
            ("approvals.view_request", INBOX, _("Approvals"), "approve"),
            ("", "security:index", _("Sign-in and devices"), "badge"),
        ],
    ),
    (
        _("People"),
        [
            ("members.view_member", "admin:members_member_changelist", _("Members"), "people"),
            ("members.view_memberfile", "admin:members_memberfile_changelist", _("Files to mend"), "book"),
            ("members.enrol_member", "admin:enrol", _("Enrol a member"), "earn"),
            ("members.request_merge", "admin:members_doubles", _("Double records"), "people"),
            ("members.assign_manager", "admin:members_care", _("Relationship managers"), "people"),
            ("importing.view_import", "admin:importing_import_changelist", _("Imports"), "intake"),
            ("access.request_sign_in", "admin:access_sign_ins", _("Help with a sign-in"), "badge"),
            ("members.invite_member", "admin:members_invitations", _("Invitations"), "people"),
            ("access.view_branch", "admin:access_branch_changelist", _("Branches"), "branch"),
            ("access.view_staffposting", "admin:access_staffposting_changelist", _("Staff postings"), "badge"),
        ],
    ),
    (
        _("Programme"),
        [
            ("tiers.view_programme", "admin:tiers_programme_changelist", _("Programmes"), "tiers"),
            ("tiers.view_rulebook", "admin:tiers_rulebook_changelist", _("Rule books"), "book"),
            ("tiers.view_protection", "admin:tiers_protection_changelist", _("Tier protections"), "badge"),
            ("tiers.view_draft", "admin:tiers_draft_changelist", _("Drafts of rules"), "approve"),
            ("tiers.view_rehearsal", "admin:tiers_rehearsal_changelist", _("Rehearsals"), "rehearse"),
            ("campaigns.view_earningrule", "admin:campaigns_earningrule_changelist", _("Earning rules"), "earn"),
        ],
    ),
    (
        _("Ledger"),
        [
            ("members.view_member", "admin:ledger", _("Ledger explorer"), "book"),
            ("points.view_pointcurrency", "admin:points_pointcurrency_changelist", _("Point currencies"), "coins"),
        ],
    ),
    (
        _("Books"),
        [
            ("points.view_books", "admin:books_liability", _("Liability"), "scales"),
            ("points.view_books", "admin:books_days", _("Daily totals"), "calendar"),
            ("points.view_books", "admin:books_breakage", _("Breakage"), "hourglass"),
            ("points.view_books", "admin:books_reconciliation", _("Reconciliation"), "met"),
        ],
    ),
    (
        _("Operations"),
        [
            ("jobs.view_jobrun", "admin:jobs_jobrun_changelist", _("Job runs"), "jobs"),
            ("outbox.view_obligation", "admin:outbox_obligation_changelist", _("Outbox"), "outbox"),
            ("jobs.view_businessdate", "admin:jobs_businessdate_changelist", _("Business dates"), "calendar"),
            ("activity.view_intake", "admin:activity_intake_changelist", _("Intakes"), "intake"),
            (
                "activity.view_parkedreversal",
                "admin:activity_parkedreversal_changelist",
                _("Parked reversals"),
                "intake",
            ),
            (
                "campaigns.view_refusedclawback",
                "admin:campaigns_refusedclawback_changelist",
                _("Refused clawbacks"),
                "coins",
            ),
            ("access.view_role", "admin:access_settings", _("Settings and access"), "badge"),
            ("audit.view_auditevent", "admin:audit_auditevent_changelist", _("Audit events"), "trail"),
            ("privacy.view_retention", "admin:privacy_retention", _("Retention"), "hourglass"),
            ("privacy.view_destruction", "admin:privacy_destruction_changelist", _("Destructions of data"), "outbox"),
            ("privacy.view_certificate", "admin:privacy_certificate_changelist", _("Certificates"), "approve"),
        ],
    ),
]


class ConsoleSite(AdminSite):
    """The console's site: home, search, and the pages that each app's admin.py registers."""

    enable_nav_sidebar = False
    site_header = site_title = _("Membership console")
    final_catch_all_view = False

    def register(self, model_or_iterable, admin_class=None, **options) -> None:
        """Take our own admins only: those that third-party apps bring along know neither visibility nor our theme."""
        if admin_class is not None and issubclass(admin_class, BrowseAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not (user.is_active and user.is_staff):
            return False
        return user.is_superuser or bool(visibility.postings(user, on=day_of(user)))

    def get_urls(self) -> list:
        return [
            path("", self.admin_view(home), name="index"),
            path("login/", self.login, name="login"),
            path("logout/", RedirectView.as_view(pattern_name="account_logout"), name="logout"),
            path("search/", self.admin_view(search), name="search"),
            *books.urls(self.admin_view),
            *access.urls(self.admin_view),
            *corrections.addresses(self.admin_view),
            *freezes.addresses(self.admin_view),
            *statuses.addresses(self.admin_view),
            *member_data.addresses(self.admin_view),
            *retention.urls(self.admin_view),
            *merges.addresses(self.admin_view),
            *households.addresses(self.admin_view),
            *revealing.urls(self.admin_view),
            *caring.urls(self.admin_view),
            *file_pages.urls(self.admin_view),
            *sign_ins.urls(self.admin_view),
            *ledger_pages.urls(),
            *reception.urls(self),
            # Of Django's own pages only the models' stay: passwords, pop-ups and app lists have no place here.
            *(url for url in super().get_urls() if hasattr(url, "url_patterns")),
        ]

    def login(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        """Send who hasn't signed in to the house's one door; who has, but isn't staff with a posting, is refused."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", reverse("admin:index")), settings.LOGIN_URL)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "site_title": self.site_title,
            "menu": menu(request),
            "postings": visibility.postings(request.user, on=day_of(request.user)),
            "may_search": request.user.has_perm(visibility.SEE_MEMBERS),
            "is_demo": settings.SITE_ENV == "local",
            "has_permission": True,
            "is_popup": False,
        }

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a page of our own inside the console's frame."""
        return TemplateResponse(request, template, {**self.each_context(request), **context})


def menu(request: HttpRequest) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Return the groups of doors open to the user, the one he stands in marked, the inbox with what waits for him."""
    groups, user = [], request.user
    for title, doors in MENU:
        items = []
        for permission, name, label, icon in doors:
            if permission and not user.has_perm(permission):
                continue
            url = reverse(name)
            current = request.path == url or (name != "admin:index" and request.path.startswith(url))
            count = waiting.count_for(user, on=day_of(user), at=moment_of(user)) if name == INBOX else None
            items.append({"url": url, "label": label, "icon": icon, "current": current, "count": count})
        if items:
            groups.append((title, items))
    return groups
