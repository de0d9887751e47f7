"""The search box of every console page: straight to the one member found, or to the list of several."""

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from foundation.access import visibility
from foundation.access.signing_in import day_of
from members import finding
from members.models import Member

SHOWN = 50


def search(request: HttpRequest) -> HttpResponse:
    """Find members by a POST, so that a name or a phone number never stands in an address, a history or a log."""
    if not request.user.has_perm(visibility.SEE_MEMBERS):
        raise PermissionDenied
    if request.method != "POST":
        return redirect("admin:members_member_changelist")
    text = request.POST.get("text", "")
    visible = Member.objects.visible_to(request.user, on=day_of(request.user))
    found = list(finding.find(text, visible=visible).select_related("branch", "person").order_by("number")[: SHOWN + 1])
    if len(found) == 1 and found[0].merged_into_id and visible.filter(pk=found[0].merged_into_id).exists():
        messages.info(request, _("%(number)s was merged into this record.") % {"number": found[0].number})
        return redirect("admin:members_member_change", found[0].merged_into_id)
    if len(found) == 1:
        return redirect("admin:members_member_change", found[0].pk)
    return site.page(request, "admin/search.html", found=found[:SHOWN], more=len(found) > SHOWN, text=text)
