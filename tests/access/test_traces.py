"""What lies outside a person's branches does not exist for him (F02): lists, pages, counts, files, sums, search, API.

One who holds every role in Pudong, and so sees what any of them sees, walks every page of the site, first for what is near,
then for what is far; nothing of the far side's words and figures may stand in any answer, and nothing of it may be opened.
"""

import dataclasses
import datetime
import re
import uuid

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from foundation.access.models import Role, StaffPosting
from members.models import FamilyMembership, Member
from points.models import Redemption
from tests.access.conftest import FAR_POINTS, NEAR_POINTS, Estate, at_the_door
from tests.access.doors import PARAMETER, address, doors
from tests.access.test_matrix import knock
from tests.console.conftest import posted
from tests.factories import StaffPostingFactory

# In what forms a list comes, and how it can be asked for what is far.
QUERIES = (
    "",
    "?form=csv",
    "?form=xlsx",
    "?format=csv",
    "?first=2026-03-01&last=2026-03-03&form=csv",
    "?member=A-FAR-2",
    "?branch=200",
)
# Pages that are all of the bank's own, and say nothing of members.
OF_THE_BANK = ("accounts/", "healthz", "readyz", "metrics", "oauth/", "i18n/", "api/v1/problems", "api/v1/openapi")

# What is his who holds its secret or its code, and nobody's by his branch or membership.
BY_SECRET = ("api/v1/enrolments", "join/")


def traces(estate: Estate) -> set[str]:
    """Return what only the far side has, in small letters: words, numbers, ids, and sums that hold its points."""
    far, whole = estate.far, NEAR_POINTS + FAR_POINTS
    # 5 points of each were redeemed.
    figures = {FAR_POINTS, FAR_POINTS - 5, whole, whole - 5, whole - 10}
    return {
        "faraway", "a-far-2", "李*", "139****0002", "harbour branch", str(far.request.pk), far.redemption.pk.hex,
        far.posting.user.username, *(f"{figure:,}" for figure in figures), *map(str, figures),
    }  # fmt: skip


def lists() -> list[str]:
    """Return the routes without parameters that people read."""
    return [
        route
        for method, route in doors()
        if method == "GET" and not PARAMETER.search(route) and not route.startswith(OF_THE_BANK)
    ]


def text_of(client: Client, where: str) -> str:
    answer = client.get(where)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{body.decode(errors='replace')} {answer.headers.get('Location', '')}".lower()


@pytest.fixture
def every_role(estate: Estate) -> Client:
    """The client of one who holds every role in Pudong."""
    user = posted(Role.TELLER, estate.house.pudong)
    for role in set(Role) - {Role.TELLER}:
        StaffPostingFactory(user=user, branch=estate.house.pudong, role=role)
    client = Client()
    client.force_login(user)
    return client


def test_no_page_or_file_of_a_branch_tells_of_another(estate: Estate, every_role: Client) -> None:
    client, forbidden = every_role, traces(estate)
    near = [
        address(route, estate, estate.near) for method, route in doors() if method == "GET" and PARAMETER.search(route)
    ]

    told = {}
    for where, queries in [*((f"/{route}", QUERIES) for route in lists()), *((one, QUERIES[:1]) for one in near)]:
        for query in queries:
            # A form shows again what was typed into it, and the choice of language leads back to the address asked for.
            text = re.sub('value="a-far-2"|member=a-far-2', "", text_of(client, f"{where}{query}"))
            if found := {trace for trace in forbidden if trace in text}:
                told[f"{where}{query}"] = found

    assert told == {}


def is_shut(answer: HttpResponse) -> bool:
    """Tell whether an answer is a refusal; the portal sends staff to their own console, whatever they ask for."""
    return answer.status_code in (403, 404, 405) or answer.headers.get("Location") == reverse("admin:index")


def test_nothing_of_another_branch_can_be_opened_or_changed(estate: Estate, every_role: Client) -> None:
    own_of_far = {
        (method, route): (address(route, estate, estate.near), address(route, estate, estate.far))
        for method, route in doors()
        if PARAMETER.search(route) and not route.startswith(BY_SECRET)
    }

    opened = {
        (door, there): answer.status_code
        for door, (here, there) in own_of_far.items()
        if here != there and not is_shut(answer := knock(every_role, door, there))
    }

    assert opened == {}


def test_head_office_finds_the_traces_that_a_branch_must_not(estate: Estate) -> None:
    """The walk above can fail: who may see everybody meets every kind of trace."""
    client, forbidden = at_the_door(estate, Role.AUDITOR), traces(estate)

    everything = "".join(text_of(client, f"/{route}{query}") for route in lists() for query in QUERIES[:4])

    assert {trace for trace in forbidden if trace in everything} >= {
        "faraway", "a-far-2", "139****0002", str(estate.far.request.pk), f"{NEAR_POINTS + FAR_POINTS - 10:,}",
    }  # fmt: skip


def test_a_teller_who_moves_loses_what_he_saw_at_once(estate: Estate) -> None:
    client = at_the_door(estate, Role.TELLER, branch=estate.house.harbour)
    page = f"/console/members/member/{estate.far.member.pk}/"
    before = client.get(page).status_code

    posting = estate.house.harbour.postings.latest("id")
    posting.ends_on = datetime.date(2026, 3, 1)
    posting.save()

    assert (before, client.get(page).status_code) == (200, 302)


def test_who_moves_leaves_his_requests_behind_and_a_member_who_moves_his_figures(estate: Estate) -> None:
    """His own request tells of a member whom he no longer sees; one that stays tells nothing of the member who left."""
    maker, house = estate.far.request.requested_by, estate.house
    client = Client()
    client.force_login(maker)
    page = f"/console/approvals/request/{estate.far.request.pk}/"
    before = client.get(page).status_code
    StaffPosting.objects.filter(user=maker).update(branch=house.pudong)

    moved = [client.get(page).status_code, page in client.get("/console/approvals/request/").content.decode()]
    Member.objects.filter(pk=estate.near.member.pk).update(branch=house.harbour)
    left = at_the_door(estate, Role.BRANCH_MANAGER, branch=house.pudong)
    told = left.get(f"/console/approvals/request/{estate.near.request.pk}/").content.decode()

    assert (before, moved) == (200, [404, False])
    assert "a member of another branch" in told
    assert not [trace for trace in ("A-NEAR-1", f"{NEAR_POINTS - 5:,}", "N*") if trace in told]


def test_a_member_reaches_nothing_of_another(estate: Estate) -> None:
    """F01: every address of the portal and the API that names a thing, by the member whose it is not."""
    client = Client()
    client.force_login(estate.far.member.user)
    nothing = dataclasses.replace(
        estate.near,
        member=Member(pk=10**12),
        place=FamilyMembership(pk=10**12),
        redemption=Redemption(pk=uuid.UUID(int=0), currency_id=estate.near.redemption.currency_id),
    )
    named = {
        (method, route): (where, address(route, estate, nothing))
        for method, route in doors()
        if not route.startswith(("console/", *BY_SECRET))
        and (where := address(route, estate, estate.near)) != address(route, estate, estate.far)
    }

    reached = {door: knock(client, door, where).status_code for door, (where, _nowhere) in named.items()}
    missed = {door: knock(client, door, nowhere).status_code for door, (_where, nowhere) in named.items()}

    assert len(named) >= 10
    assert reached == missed
    assert set(reached.values()) <= {403, 404, 405, 422}
