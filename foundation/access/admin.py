"""The branch tree and who is posted where, to read."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, StaffPosting
from foundation.access.signing_in import day_of
from foundation.web.browsing import BrowseAdmin, choose


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
        held = visibility.postings(request.user, on=day_of(request.user))
        return (
            Branch.objects.all()
            if request.user.is_superuser
            else Branch.objects.under([posting.branch.path for posting in held])
        )


@admin.register(StaffPosting)
class StaffPostingAdmin(BrowseAdmin):
    keyset = ("-starts_on", "-id")
    list_display = ("user", "employee_number", "role", "branch", "starts_on", "ends_on")
    list_filter = (choose("role"),)
    list_select_related = ("user", "branch")
    list_display_links = None
    intro = _("Who holds which role in which branch, and from when to when. The end is the first day without it.")

    @admin.display(description=_("employee number"))
    def employee_number(self, posting: StaffPosting) -> str:
        return posting.user.employee_number or ""
