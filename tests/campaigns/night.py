"""Earning as the night does it, in a test's own transaction."""

import datetime

from campaigns.earning import earn
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from members.models import Member
from points.models import Entry
from tests.factories import FIRST_BUSINESS_DATE

ACTOR = Actor.job("close_day")


def close_on(day: datetime.date = FIRST_BUSINESS_DATE) -> None:
    """Let `day` be closing and the next one open."""
    BusinessDate.objects.all().delete()
    BusinessDate.objects.create(date=day, status="closing")
    BusinessDate.objects.create(date=day + datetime.timedelta(days=1))


def earn_all(day: datetime.date = FIRST_BUSINESS_DATE) -> dict[str, int]:
    """Run the night's step over all members for `day`, which is closing."""
    return earn(business_date=day, first_member=1, last_member=2**63 - 1, actor=ACTOR)


def points_of(member: Member) -> list[int]:
    """Return the points of a member's entries, by currency and number."""
    entries = Entry.objects.filter(member_id=member.pk).order_by("currency_id", "number")
    return list(entries.values_list("points", flat=True))
