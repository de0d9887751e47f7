"""The night keeps files: a seventh of the members each date, scored anew, due by risk grade, and told once."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity.models import GradeReport, Source
from foundation.actors import Actor
from foundation.outbox.models import Obligation
from members.files import MemberFile
from members.models import Member
from members.writing import write_reviews
from membership_site import keeping_files
from tests.factories import MemberFactory
from tests.members.cast import NOON, known

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 3, 2)
WEEK = [DAY + datetime.timedelta(days=number) for number in range(7)]


def filed(member: Member, *, reviewed_on: datetime.date, grade: int | None = None) -> MemberFile:
    """Give a member a file looked through on a day, and a risk grade."""
    due = reviewed_on + datetime.timedelta(days=3_000)
    if grade is not None:
        source = Source.objects.get_or_create(code="core")[0]
        GradeReport.objects.create(
            member_id=member.pk, scale="risk", day=reviewed_on, grade=grade, booked_on=DAY, source_id=source.pk
        )
    return MemberFile.objects.create(member=member, reviewed_on=reviewed_on, due_on=due, held={})


def keep(*days: datetime.date) -> list[dict[str, int]]:
    return [
        keeping_files.keep(as_of=day, first_member=1, last_member=2**63 - 1, actor=Actor.job("close_day"))
        for day in days
    ]


def test_a_week_passes_over_every_file_once() -> None:
    files = [filed(MemberFactory(), reviewed_on=DAY) for _number in range(15)]

    counts = keep(*WEEK)

    assert sum(count["files"] for count in counts) == 15
    assert MemberFile.objects.filter(scored_on__range=(WEEK[0], WEEK[-1]), score=0).count() == len(files)


@pytest.mark.parametrize(
    ("grade", "due_on"), [(None, "2028-03-02"), (2, "2028-03-02"), (3, "2027-03-02"), (5, "2026-03-02")]
)
def test_the_riskier_the_sooner(grade: int | None, due_on: str) -> None:
    member = MemberFactory()
    filed(member, reviewed_on=datetime.date(2025, 3, 2), grade=grade)

    keep(*WEEK)

    assert f"{MemberFile.objects.get(pk=member.pk).due_on}" == due_on


def test_who_is_due_hears_of_it_once_and_the_invited_and_the_closed_do_not() -> None:
    li = known()
    filed(li, reviewed_on=datetime.date(2023, 3, 20))
    filed(MemberFactory(accepted_at=None), reviewed_on=datetime.date(2023, 3, 20))
    filed(MemberFactory(status="closed", closed_on=DAY), reviewed_on=datetime.date(2023, 3, 20))

    first, again = keep(*WEEK), keep(*WEEK, *(day + datetime.timedelta(days=7) for day in WEEK))

    owed = Obligation.objects.get(topic="messages.send")
    assert (sum(count["reviews"] for count in first), sum(count["reviews"] for count in again)) == (1, 0)
    assert owed.member_id == li.pk
    [message] = write_reviews([owed], at=NOON)
    assert message is not None
    assert "/me/details" in message.text
    MemberFile.objects.filter(pk=li.pk).update(reviewed_on=DAY, due_on=datetime.date(2029, 3, 2))
    assert write_reviews([owed], at=NOON) == [None]


def test_a_chunk_takes_the_same_statements_for_one_and_for_many() -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            keep(*WEEK)
        return len(captured)

    filed(known(), reviewed_on=datetime.date(2023, 3, 20))
    one = statements()
    for _number in range(30):
        filed(MemberFactory(), reviewed_on=datetime.date(2023, 3, 20))

    # The one file fell due in one of the seven nights, the many in all: an obligation is one statement more.
    assert one == 7 * 2 + 1
    assert statements() == 7 * 3
