"""The console on tiers: why not gold, a past day, and protections from the form to the list."""

import datetime
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from foundation.access.models import Role
from foundation.approvals.models import Request
from foundation.jobs import clock
from foundation.jobs.models import BusinessDate
from tests.approvals.cast import posted
from tests.factories import MemberFactory
from tests.tiers.cast import DAY, MONDAY, Protection, assemble, hold, protect, review

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    """Wang holds one product since MONDAY, and none from the day after."""
    cast = assemble(validity_months=12)
    hold(cast.wang, 1)
    review(MONDAY)
    hold(cast.wang, 0, since=MONDAY + DAY)
    return cast


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def page(cast, **asked):
    answer = client_of(cast.lin).get(f"/console/members/member/{cast.wang.pk}/", asked)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_why_not_the_next_tier_and_on_asking_why_not_another(cast):
    text = page(cast)
    assert "Silver since 2 March 2026, up from Standard, because of 1 product held" in text
    assert "Missing for Gold: 1 more product." in text
    assert "Why not Platinum?" in text

    asked = page(cast, tier="platinum")

    assert "Missing for Platinum: 2 more products." in asked
    assert "Platinum from" in asked


def test_a_past_day_shows_the_decision_with_the_figures_and_minima_of_then(cast):
    text = page(cast, date="2026-03-02").partition('id="past"')[2]

    assert "Silver since 2 March 2026" in text
    assert "valid until 31 March 2027" in text
    assert "Silver keeps at" in text and "Gold from" in text

    before = page(cast, date="2026-03-01").partition('id="past"')[2]
    assert "Standard, as everybody" in before


@pytest.mark.parametrize(
    ("date", "sentence"),
    [
        ("2026-03-03", "This day is not closed yet"),
        ("2024-01-14", "had not joined"),
        ("2026-02-30", "Write the day as in 2026-11-21."),
        ("\0", "Write the day as in 2026-11-21."),
    ],
)
def test_a_day_that_cannot_be_shown_says_why(cast, date, sentence):
    assert sentence in page(cast, date=date)


def test_the_tier_tab_takes_twenty_statements_at_most_and_a_past_day_six_more(cast):
    protect(cast, on=MONDAY + DAY, tier=cast.programme.tiers.get(rank=2))
    client = client_of(cast.lin)

    with CaptureQueriesContext(connection) as captured:
        client.get(f"/console/members/member/{cast.wang.pk}/?date=2026-03-02")

    assert len(captured) <= 26
    with CaptureQueriesContext(connection) as captured:
        client.get(f"/console/members/member/{cast.wang.pk}/")
    assert len(captured) <= 20


def test_a_teller_asks_to_invite_and_to_end_it(cast):
    today = clock.today()
    BusinessDate.objects.filter(status="open").update(date=today)
    client, until = client_of(cast.lin), today + datetime.timedelta(days=60)
    form = f"/console/members/member/{cast.wang.pk}/protect/{cast.programme.code}/"
    said = {"id": uuid.uuid4(), "kind": "invitation", "until": until.isoformat(), "reason": "salary"}
    assert f"members/member/{cast.wang.pk}/protect/" in page(cast)

    lacking = client.post(form, said)
    early = client.post(form, said | {"tier": cast.programme.tiers.get(rank=2).pk, "until": today.isoformat()})
    assert "Choose a tier above Silver" in lacking.content.decode()
    assert "It must end after" in early.content.decode()
    assert Request.objects.count() == 0
    sent = client.post(form, said | {"tier": cast.programme.tiers.get(rank=2).pk})

    made = Request.objects.get()
    assert sent["Location"] == f"/console/approvals/request/{made.pk}/"
    inbox = client_of(cast.qian).get(sent["Location"]).content.decode()
    assert "Invite member A-WANG to Gold in Loyalty" in inbox
    approved = client_of(cast.qian).post(f"{sent['Location']}approve/", {"seen": made.payload_hash})
    assert approved.status_code == 302
    protection = Protection.objects.get()
    assert "End it early" in page(cast)
    ending = f"/console/members/member/{cast.wang.pk}/protections/{protection.pk}/end/"
    assert client.post(ending, {"id": uuid.uuid4(), "reason": "a mistake"}).status_code == 302
    assert Request.objects.filter(kind="tiers.end_protection").count() == 1


def test_who_may_not_ask_finds_neither_button_nor_form(cast):
    compliance = client_of(posted(Role.COMPLIANCE, cast.harbour.parent))
    far = MemberFactory(branch=cast.harbour)

    read = compliance.get(f"/console/members/member/{cast.wang.pk}/").content.decode()

    assert "/protect/" not in read
    assert compliance.get(f"/console/members/member/{cast.wang.pk}/protect/loyalty/").status_code == 403
    lin = client_of(cast.lin)
    assert lin.get(f"/console/members/member/{far.pk}/protect/loyalty/").status_code == 404
    assert lin.get(f"/console/members/member/{cast.wang.pk}/protect/nothing/").status_code == 404
    assert lin.get(f"/console/members/member/{cast.wang.pk}/protections/1/end/").status_code == 404


def test_the_list_shows_what_ends_soonest_first_by_pages_and_only_what_one_may_see(cast):
    today, gold = clock.today(), cast.programme.tiers.get(rank=2)
    members = [*MemberFactory.create_batch(60, branch=cast.lujiazui), MemberFactory(number="FAR", branch=cast.harbour)]
    for place, member in enumerate(members):
        Protection.objects.create(
            member=member, programme=cast.programme, kind="invitation", tier=gold, reason="-",
            starts_on=today - 90 * DAY, until=today + (40 - place) * DAY,
        )  # fmt: skip
    client = client_of(cast.lin)

    first = client.get("/console/tiers/protection/").context["cl"]
    second = client.get(f"/console/tiers/protection/{first.next_url}").context["cl"]
    soon = client.get("/console/tiers/protection/?status=soon").context["cl"].result_list
    over = client.get("/console/tiers/protection/?status=over").context["cl"].result_list

    listed = [one.until - today for one in (*first.result_list, *second.result_list)]
    running = [until for until in listed if until > 0 * DAY]
    assert len(listed) == 60 and len(running) == 40
    assert listed[:40] == sorted(running)
    assert {one.until - today for one in soon} == {day * DAY for day in range(1, 31)}
    assert len(over) == 20
