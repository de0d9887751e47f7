"""An invited member over real nights: kept while invited, and at the end by what he did: renewed, into grace, or down."""

import datetime

import pytest

from foundation import transactions
from foundation.jobs import closing
from foundation.outbox.models import Obligation
from members.models import Member
from membership_site.closing import NIGHT
from tests.factories import MemberFactory
from tests.tiers.cast import DAY, MONDAY, ask, assemble, decided, grant, hold, stands
from tiers.explaining import explain

APRIL_15 = datetime.date(2026, 4, 15)


def night(through: datetime.date) -> None:
    """Close every date up to `through`, all of the night's steps."""
    closing.close(job=NIGHT, through=through, today=through + DAY, who="test")


def told(member: Member, cast, day: datetime.date) -> str:
    explained = explain(member=member, programme=cast.programme, as_of=day)
    return " ".join(explained.outlook)


@pytest.mark.parametrize("downgrade", ["immediate", "grace"])
def test_invited_for_six_weeks_and_then_judged_like_everybody(committed, downgrade):
    """Month-end reviews, validity 12 months. Mei uses her six weeks, Jun doesn't; both are gold by invitation until 15 April."""
    cast = transactions.commit(
        assemble, calendar="month_end", validity_months=12, downgrade=downgrade, grace_unit="months", grace_length=1
    )
    mei, jun = MemberFactory.create_batch(2, branch=cast.lujiazui)
    gold = cast.programme.tiers.get(rank=2)
    for member in (mei, jun):
        made = transactions.commit(ask, cast=cast, member=member, tier=gold, until=APRIL_15)
        transactions.commit(grant, made=made, user=cast.qian)

    assert "Gold from the close of 2 March 2026 on: by invitation until 15 April 2026." in told(mei, cast, MONDAY - DAY)
    night(MONDAY)
    assert decided(mei) == decided(jun) == [(MONDAY, "invited", "gold", APRIL_15)]

    hold(mei, 2, since=datetime.date(2026, 3, 20))
    night(datetime.date(2026, 3, 30))
    assert "the review of 31 March 2026 renews it" in told(mei, cast, datetime.date(2026, 3, 30))
    assert "By invitation no review before 15 April 2026 lowers it below Gold." in told(
        jun, cast, datetime.date(2026, 3, 30)
    )
    night(datetime.date(2026, 4, 29))
    assert stands(jun, datetime.date(2026, 4, 29)) == "gold"

    night(datetime.date(2026, 4, 30))
    assert decided(mei)[1:] == [(datetime.date(2026, 3, 31), "renewed", "gold", datetime.date(2027, 4, 30))]
    april_end = datetime.date(2026, 4, 30)
    if downgrade == "immediate":
        assert decided(jun)[1:] == [(april_end, "downgraded", "standard", None)]
        warned = "2026-04-30"
    else:
        assert decided(jun)[1:] == [(april_end, "grace", "gold", APRIL_15)]
        night(datetime.date(2026, 6, 30))
        assert decided(jun)[2:] == [(datetime.date(2026, 6, 30), "downgraded", "standard", None)]
        warned = "2026-06-30"
    owed = Obligation.objects.filter(topic="tiers.will_downgrade", member_id=jun.pk).order_by("recorded_at")
    assert [(one.payload["on"], one.payload["days_before"]) for one in owed] == [(warned, 30), (warned, 7)]
    assert not Obligation.objects.filter(topic="tiers.will_downgrade", member_id=mei.pk).exists()
    outcomes = [row[1] for row in decided(jun)]
    notices = Obligation.objects.filter(topic="tiers.changed", member_id=jun.pk).order_by("payload__as_of")
    assert [one.payload["outcome"] for one in notices] == outcomes
