"""Costing rehearsed rules: the reward points that activities would have earned more, or fewer, by other tiers and multipliers."""

import datetime
from decimal import Decimal

from django.db import connection

from foundation.querying import statement
from points.models import Kind
from tiers.compiling import Ladder
from tiers.models import RuleBook, TierTerms
from tiers.replaying import Replay


def multipliers(*, replay: Replay, ladder: Ladder, starts_on: datetime.date, ends_on: datetime.date) -> dict[str, int]:
    """Return, by point currency, how many points more the replay's members would have earned in these days; one statement.

    Exact per entry: rate, amount and cap per activity are the entry's own. Not reopened are what caps of day and month cut, activities
    that earned nothing, first-time bonuses and what refunds took back.
    """
    given = {terms.tier_id: terms.multiplier for terms in ladder.terms}
    with connection.cursor() as cursor:
        cursor.execute(
            statement("campaigns", "cost_of_tiers"),
            {
                "programme": ladder.rule_book.programme_id,
                "standard_alike": _standard_alike(ladder, ends_on=ends_on),
                "code": ladder.rule_book.programme.code,
                "standard": ladder.tiers[0].pk,
                "tiers": [tier.pk for tier in ladder.tiers],
                "multipliers": [Decimal(given.get(tier.pk, 1)) for tier in ladder.tiers],
                "starts_on": starts_on,
                "ends_on": ends_on,
                "earn": Kind.EARN,
                **replay.members,
            },
        )
        return dict(cursor.fetchall())


def _standard_alike(ladder: Ladder, *, ends_on: datetime.date) -> bool:
    """Return whether standard has the same multiplier in these rules as in each rule book of the programme until `ends_on`."""
    standard = ladder.tiers[0].pk
    rehearsed = next((terms.multiplier for terms in ladder.terms if terms.tier_id == standard), 1)
    books = RuleBook.objects.filter(programme=ladder.rule_book.programme_id, in_force_from__lte=ends_on)
    terms = dict(TierTerms.objects.filter(rule_book__in=books, tier=standard).values_list("rule_book", "multiplier"))
    return all(terms.get(book, 1) == rehearsed for book in books.values_list("pk", flat=True))
