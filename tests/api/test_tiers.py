"""The API on tiers: what comes next for the member himself, any past day for who may read him, and how programmes work."""

import datetime

import pytest
from django.test import Client

from tests.api.conftest import bearing, system
from tests.factories import MemberFactory, ProgrammeFactory, UserFactory
from tests.tiers.cast import DAY, MONDAY, assemble, book_of, hold, protect, review

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    """Wang is silver since MONDAY, by a book of month ends, and signs in."""
    cast = assemble(validity_months=12, calendar="month_end", upgrades_nightly=True)
    hold(cast.wang, 1)
    review(MONDAY)
    cast.wang.user = UserFactory(username="wang")
    cast.wang.save()
    return cast


@pytest.fixture
def wang(cast):
    client = Client()
    client.force_login(cast.wang.user)
    return client


def path(member, **asked):
    return f"/api/v1/members/mem_{member.pk}/tier" + "".join(f"?{name}={value}" for name, value in asked.items())


def test_my_tier_says_when_it_is_reviewed_and_what_comes(cast, wang):
    [standing] = wang.get("/api/v1/me/tier").json()["programmes"]

    assert (standing["tier"]["code"], standing["nextTier"]["code"], standing["keepDate"]) == (
        "silver",
        "gold",
        "2027-03-31",
    )
    assert (standing["reviewDate"], standing["graceUntil"], standing["protection"]) == ("2026-03-31", None, None)
    assert standing["foreseen"] == {"on": "2027-03-31", "outcome": "renewed", "tier": standing["tier"]}
    assert standing["sentences"][1:] == [
        "Valid until 31 March 2027.",
        "As things stand, the review of 31 March 2027 renews it.",
        "Missing for Gold: 1 more product. It is given the night all is met.",
    ]


def test_my_tier_names_an_invitation_from_its_approval_on(cast, wang):
    protect(cast, on=MONDAY + DAY, tier=cast.programme.tiers.get(rank=3))

    [standing] = wang.get("/api/v1/me/tier").json()["programmes"]

    assert standing["protection"] == {
        "kind": "invitation", "tier": {"code": "platinum", "name": "Platinum"}, "startsOn": "2026-03-03", "until": "2026-06-30",
    }  # fmt: skip
    assert standing["foreseen"] == {"on": "2026-03-03", "outcome": "invited", "tier": standing["protection"]["tier"]}


def test_several_programmes_stand_side_by_side_the_main_one_first(cast, wang, django_assert_max_num_queries):
    for number in range(4):
        book_of(ProgrammeFactory(code=f"other{number}", is_main=False), calendar="year_end")

    with django_assert_max_num_queries(40):
        programmes = wang.get("/api/v1/me/tier").json()["programmes"]

    assert [one["programme"] for one in programmes] == ["loyalty", "other0", "other1", "other2", "other3"]
    assert {one["reviewDate"] for one in programmes[1:]} == {"2026-12-31"}


def test_a_past_day_has_its_tier_and_the_decision_behind_it(cast):
    reader = bearing(system("members:read"))
    hold(cast.wang, 3, since=MONDAY + DAY)
    review(MONDAY + DAY)

    then, now, before = (
        reader.get(path(cast.wang, **asked)).json() for asked in ({"date": "2026-03-02"}, {}, {"date": "2026-03-01"})
    )

    [silver], [platinum], [standard] = then["programmes"], now["programmes"], before["programmes"]
    assert (then["date"], now["date"]) == ("2026-03-02", "2026-03-03")
    assert (silver["tier"]["code"], platinum["tier"]["code"], standard["tier"]["code"]) == (
        "silver",
        "platinum",
        "standard",
    )
    assert silver["decision"] == {
        "date": "2026-03-02", "outcome": "upgraded", "fromTier": {"code": "standard", "name": "Standard"},
        "toTier": {"code": "silver", "name": "Silver"}, "ruleBook": 1, "sentence": silver["sentence"],
    }  # fmt: skip
    assert [one["value"] for one in silver["keeping"][0]["conditions"]] == [1]
    assert [(one["minimum"], one["gap"]) for one in silver["rising"][0]["conditions"]] == [(2, 1)]
    assert (standard["decision"], standard["keeping"], standard["rising"]) == (None, [], [])


@pytest.mark.parametrize(
    ("date", "status", "code"),
    [
        ("2026-03-03", 422, "day_not_closed"),
        ("2024-01-14", 422, "before_joining"),
        ("2026-02-30", 400, None),
        ("yesterday", 400, None),
        ("%00", 400, None),
    ],
)
def test_a_day_without_an_answer_is_a_problem(cast, date, status, code):
    answer = bearing(system("members:read")).get(path(cast.wang, date=date))

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert code is None or answer.json()["code"] == code


def test_a_past_day_names_the_protection_that_held(cast):
    protect(cast, on=MONDAY + DAY, tier=cast.programme.tiers.get(rank=3))
    review(MONDAY + DAY)

    [past] = bearing(system("members:read")).get(path(cast.wang)).json()["programmes"]

    assert (past["decision"]["outcome"], past["protection"]["kind"], past["protection"]["until"]) == (
        "invited",
        "invitation",
        "2026-06-30",
    )


def test_who_may_not_read_the_member_finds_no_tier_of_his(cast, wang):
    staff = Client()
    staff.force_login(cast.lin)
    far = MemberFactory(branch=cast.harbour)

    assert staff.get(path(cast.wang)).status_code == 200
    assert staff.get(path(far)).status_code == 404
    assert wang.get(path(cast.wang)).status_code == 403
    assert Client().get(path(cast.wang)).status_code == 401
    assert bearing(system("activities:write")).get(path(cast.wang)).status_code == 403


def test_programmes_and_tiers_tell_their_rules(cast, wang):
    [programme] = wang.get("/api/v1/programmes").json()["data"]
    tiers = bearing(system("activities:write")).get("/api/v1/tiers").json()["data"]

    assert (programme["code"], programme["main"], programme["ruleBook"], programme["calendar"]) == (
        "loyalty",
        True,
        1,
        "month_end",
    )
    assert "Members are reviewed on the last day of each month." in programme["lasting"]
    assert programme["tiers"] == tiers
    assert [(one["code"], one["entering"], one["multiplier"]) for one in tiers[:2]] == [
        ("standard", "everybody else", "1.000"),
        ("silver", "at least 1 product held", "1.000"),
    ]
    for address in ("/api/v1/programmes", "/api/v1/tiers"):
        assert Client().get(address).status_code == 401


def test_a_book_that_begins_later_is_not_in_force_yet(cast, wang):
    book_of(cast.programme, number=2, in_force_from=datetime.date(2099, 1, 1))

    assert [one["ruleBook"] for one in wang.get("/api/v1/programmes").json()["data"]] == [1]
