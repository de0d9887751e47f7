"""A report beside posting members (A16): its parts are of one date, and nobody waits for it; the naive one adds up two moments."""

from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Sum

from books import reporting
from foundation import transactions
from points import ledger
from points.models import Purse
from tests.books.cast import close_books
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, TUESDAY, asked, open_bank
from tests.races.test_night import at_once

ROUNDS = 40


def a_closed_date():
    wang, points = open_bank()
    points.worth_minor = Decimal(1)
    points.save()
    members = [wang, *(MemberFactory() for _ in range(7))]
    with transaction.atomic():
        ledger.post([asked(member, points, 100) for member in members], actor=CLERK)
        close_books(MONDAY)
    return members, points


def earn(member, currency):
    transactions.commit(ledger.post, batch=[asked(member, currency, 1, occurred_on=TUESDAY)], actor=CLERK)


def test_a_report_is_of_its_date_whoever_posts_meanwhile(committed):
    members, points = a_closed_date()

    def report():
        """Read the liability again and again in one long transaction."""
        with transaction.atomic():
            return [reporting.liability(as_of=MONDAY)[0] for _round in range(ROUNDS)]

    def post():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 1000")
        for _round in range(ROUNDS):
            for member in members[:4]:
                earn(member, points)

    reports, *posted = at_once(report, post, post)

    assert posted == [None, None]
    for found in reports:
        parts = [sum(part.points for part in parts) for parts in (found.branches, found.campaigns, found.months)]
        assert (found.points, *parts) == (800, 800, 800, 800)
    assert Purse.objects.aggregate(sum=Sum("available"))["sum"] == 800 + 2 * 4 * ROUNDS


def test_the_naive_report_adds_up_two_moments(committed):
    """Its twin: the total from the purses as they stand, then the branches; somebody earns in between."""
    members, points = a_closed_date()

    whole = Purse.objects.aggregate(sum=Sum("available"))["sum"]
    earn(members[0], points)
    parts = [Purse.objects.filter(member_id=member.pk).aggregate(sum=Sum("available"))["sum"] for member in members]

    assert sum(parts) != whole
