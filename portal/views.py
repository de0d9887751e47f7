"""The member's own pages: his standing, his points, the reason for each. A member reaches nothing but his own."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from foundation.jobs import clock
from members import sealing
from members.models import Member, Person


def member_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Give a view the signed-in member; send staff to their own door, and keep every answer out of every cache."""

    @never_cache
    @login_required
    @functools.wraps(view)
    def page(request: HttpRequest, **arguments: Any) -> HttpResponse:
        member = Member.objects.select_related("branch", "person").filter(user=request.user).first()
        if member:
            return view(request, member=member, **arguments)
        if request.user.is_staff:
            return redirect("admin:index")
        raise PermissionDenied

    return page


@member_page
def home(request, *, member: Member) -> HttpResponse:
    return me(request)


@member_page
def me(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show who the member is to the bank, and the way out."""
    return render(request, "portal/me.html", {"door": "me", "member": member, "person": open_person(member)})


def open_person(member: Member) -> sealing.PersonalData:
    """Return the member's own data in clear: shown to nobody but himself."""
    person = Person.objects.filter(pk=member.pk).first()
    return sealing.open_person(person) if person else sealing.PersonalData()

points = entry = tier = home
