"""Refunds in the console: what waits, what was refused, and on a member's page why points were taken back and what is owed."""

import datetime
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.recording import record_reversals
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from foundation.actors import Actor
from points import ledger
from points.models import Kind, PointCurrency
from tests.console.conftest import House
from tests.factories import FIRST_BUSINESS_DATE, EarningRuleVersionFactory

ACTOR = Actor.job("core")
NOON = datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC)
PARKED, REFUSED = "/console/activity/parkedreversal/", "/console/campaigns/refusedclawback/"


def spend(member, external_id: str = "T1") -> None:
    report = ActivityReport(
        source="core",
        external_id=external_id,
        member_number=member.number,
        kind="card_spend",
        amount_minor=240_00,
        occurred_at=NOON,
    )
    earning.take([report], actor=ACTOR)


def refund(member, external_id: str = "R1", amount_minor: int | None = 80_00, original: str = "T1") -> ReversalReport:
    return ReversalReport(
        source="core", external_id=external_id, original_external_id=original, member_number=member.number, amount_minor=amount_minor,
        occurred_at=NOON,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def rule(house: House):
    """Each yuan gives a fifth of a point."""
    return EarningRuleVersionFactory(reward_rate="0.2")


def test_the_parked_list_says_what_waits_and_why_one_was_refused(house: House, compliance: Client) -> None:
    record_reversals(
        [refund(house.near), refund(house.near, "R2", 300_00), refund(house.near, "R3", None, "T9")], actor=ACTOR
    )
    spend(house.near)

    text = compliance.get(PARKED).content.decode()
    refused = compliance.get(f"{PARKED}?outcome=over_reversed").content.decode()

    assert [text.count(words) for words in ("core/R1", "core/R2", "core/R3", "all that is left")] == [1, 1, 1, 1]
    assert "refused: more than the activity</span>" in text
    assert ("core/R2" in refused, "core/R1" in refused) == (True, False)


def test_the_list_takes_as_many_statements_for_fifty_as_for_one(house: House, compliance: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert compliance.get(PARKED).status_code == 200
        return len(captured)

    record_reversals([refund(house.near)], actor=ACTOR)
    one = queries()
    record_reversals([refund(house.near, f"N{n}") for n in range(49)], actor=ACTOR)

    assert queries() == one


def test_what_a_closed_member_keeps_is_listed_with_its_reason(house: House, compliance: Client) -> None:
    spend(house.near)
    house.near.status, house.near.closed_on = "closed", FIRST_BUSINESS_DATE
    house.near.save()
    clawing_back.take([refund(house.near)], actor=ACTOR)

    text = compliance.get(REFUSED).content.decode()

    assert "reversal/core/R1" in text
    assert "the membership is closed" in text


def test_a_member_s_page_says_why_points_were_taken_back_and_what_is_owed(house: House, teller: Client) -> None:
    spend(house.near)
    spent = ledger.Posting(
        member_id=house.near.pk, currency_id=PointCurrency.objects.get().pk, key=uuid.uuid4(), kind=Kind.REDEEM, points=-40,
        occurred_on=FIRST_BUSINESS_DATE,
    )  # fmt: skip
    ledger.post([spent], actor=ACTOR)
    clawing_back.take([refund(house.near)], actor=ACTOR)

    text = teller.get(f"/console/members/member/{house.near.pk}/?tab=points").content.decode()

    assert "48 × ¥80.00 ÷ ¥240.00 = 16" in text
    assert "reversal/core/R1" in text
    assert "of entry 1" in text
    assert "8 owed" in text


def test_the_time_line_says_how_much_of_an_activity_was_refunded(house: House, teller: Client) -> None:
    spend(house.near)
    clawing_back.take([refund(house.near), refund(house.near, "R2", 10_00)], actor=ACTOR)

    text = teller.get(f"/console/members/member/{house.near.pk}/?tab=timeline").content.decode()

    assert "¥90.00 refunded" in text
