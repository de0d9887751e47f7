"""A clerk reads why a member has his tier: each figure beside its minimum, what rules the tier out among them."""

import datetime
import re

from django.test import Client

from activity.models import GradeReport
from foundation.jobs.models import BusinessDate
from tests.console.conftest import House
from tests.factories import ConditionFactory, SeriesFactory
from tiers.models import RuleBook, RunningTotal

SUNDAY = datetime.date(2026, 3, 1)


def test_alternatives_and_what_rules_a_tier_out_stand_in_the_table(house: House, teller: Client) -> None:
    """Silver asks for ¥500 in card payments and credit grade 5, or for 3 years; risk grade 4 rules it out."""
    BusinessDate.objects.create(date=SUNDAY, status="closed")
    book = RuleBook.objects.get()
    asked = {"rule_book": book, "tier": book.programme.tiers.get(rank=1)}
    cards = SeriesFactory(metric="transaction_amount", selection=["card_spend"])
    ConditionFactory(**asked, series=cards, window="year", enter_minimum=500_00)
    ConditionFactory(**asked, metric="credit_grade", enter_minimum=5)
    ConditionFactory(**asked, group=2, enter_minimum=36)
    ConditionFactory(**asked, metric="risk_grade", excludes=True, enter_minimum=4)
    RunningTotal.objects.create(member_id=house.near.pk, series_id=cards.pk, day=SUNDAY, first_day=SUNDAY, total=500_00)
    GradeReport.objects.create(
        member_id=house.near.pk, scale="risk", day=SUNDAY, grade=4, booked_on=SUNDAY, source_id=1
    )

    page = teller.get(f"/console/members/member/{house.near.pk}/?tab=tier").content.decode()

    table = re.search(r"<tbody>.*?</tbody>", page, re.DOTALL)
    assert table
    rows = [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>.*?</tr>", table[0], re.DOTALL)
    ]
    assert rows == [
        ["", "Transaction amount since 1 January (only card payment)", "¥500.00", "¥500.00"],
        ["and", "Credit grade", "none", "5"],
        ["and", "Risk grade", "4", "under 4"],
        ["or", "Tenure in months", "25", "36 11 short"],
        ["and", "Risk grade", "4", "under 4"],
    ]
    assert "Missing for Silver: 11 more months of membership and a risk grade under 4." in page
