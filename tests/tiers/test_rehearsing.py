"""Rehearsing: other rules over the bank's history, the rules in force as the touchstone, and live tables left alone."""

import datetime

import pytest

from foundation.actors import Actor
from foundation.approvals.digesting import digest_of
from foundation.jobs.models import BusinessDate
from tests.factories import BankFactory, MemberFactory
from tests.tiers.history import DAY, FIRST, History
from tiers import rehearsing, standings
from tiers.models import Decision, LateJump, RehearsedMove, RunningTotal, Series, Standing

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 6, 1, 4, tzinfo=datetime.UTC)
CLERK = Actor.job("test")
LAST = 2**63 - 1
DRAFT = {
    "calendar": "month_end",
    "upgrades": "nightly",
    "conditions": [
        {"tier": "silver", "metric": "average_assets", "window": "5 days", "enter": "0.20"},
        {"tier": "gold", "metric": "average_assets", "window": "5 days", "enter": "0.60"},
    ],
}


@pytest.fixture(autouse=True)
def bank():
    BankFactory(first_business_date=FIRST)


def history(seed=1, **fields):
    """Return a history whose dates are all closed."""
    made = History(seed=seed, **fields)
    made.close_all()
    close_through(FIRST + (made.length - 1) * DAY)
    return made


def close_through(date):
    BusinessDate.objects.filter(date__lte=date).update(status="closed")


def start(history, **fields):
    fields = {"programme": history.loyalty, "months": 2} | fields
    return rehearsing.start(actor=CLERK, at=AT, **fields)


def rehearse(history, **fields):
    """Start a rehearsal and do all of its ranges here, without the commits of the edge."""
    rehearsal = start(history, **fields)
    while rehearsing.do_next(rehearsal=rehearsal, plan=rehearsing.plan_of(rehearsal)):
        pass
    return rehearsing.finish(rehearsal_id=rehearsal.pk, at=AT)


def live():
    models = (Standing, Decision, RunningTotal, LateJump, Series)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


@pytest.mark.parametrize("seed", range(5))
def test_the_rules_in_force_rehearsed_are_history(seed):
    """Late facts, a new rule book half-way, protections, closed accounts: no decision differs, and nothing live is touched."""
    made = history(seed)
    before = live()

    for programme in (made.loyalty, made.premier):
        done = rehearse(made, programme=programme)

        assert (done.status, done.result["differences"]) == ("done", 0)
        assert done.result["moves"]["history"] == done.result["moves"]["rehearsed"]
        assert sum(done.result["moves"]["history"].values()) == Decision.objects.filter(programme=programme).count() > 0
    assert live() == before
    assert RehearsedMove.objects.count() == 0


def test_series_older_than_late_jumps_are_replayed_night_by_night():
    """A bank that ran before late jumps were kept: nothing tells them apart, and the rules in force are still history."""
    made = history(1, length=30, reopens=False)
    LateJump.objects.all().delete()
    assert rehearse(made).result["differences"] > 0

    Series.objects.update(late_from=FIRST + made.length * DAY)

    assert rehearse(made).result["differences"] == 0


def test_a_range_takes_as_many_statements_for_one_member_as_for_many(django_assert_num_queries):
    made = history(1, length=12)
    rehearsal = start(made, document=DRAFT)
    plan = rehearsing.plan_of(rehearsal)
    few = {"first_member": made.members[0].pk, "last_member": made.members[0].pk}
    many = {"first_member": made.members[1].pk, "last_member": LAST}
    # One each date, thirteen at both ends, five for the night of the cut-over.
    statements = rehearsal.dates + 13 + 5

    with django_assert_num_queries(statements):
        rehearsing.replay_range(rehearsal=rehearsal, plan=plan, **few)
    with django_assert_num_queries(statements):
        rehearsing.replay_range(rehearsal=rehearsal, plan=plan, **many)


def test_a_history_that_was_decided_otherwise_shows():
    made = history(2)
    decision = Decision.objects.filter(programme=made.loyalty).order_by("as_of").first()
    stranger = MemberFactory(joined_on=FIRST - DAY)
    Decision.objects.create(
        member=stranger, programme=made.loyalty, as_of=FIRST, from_tier=decision.from_tier, to_tier=decision.to_tier,
        outcome="upgraded", figures={}, rule_book=decision.rule_book,
    )  # fmt: skip

    assert rehearse(made).result["differences"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_pyramid_counts_at_each_months_end_who_was_there(seed):
    """Who joined or was gone by then, also where the bank heard of it late; a draft's beside it, each member once."""
    made = history(seed, length=70, members=9)
    for place, number in ((0, 20), (1, 31), (2, 69), (3, -1)):  # the last one was gone before it all began
        made.members[place].status, made.members[place].closed_on = "closed", FIRST + number * DAY
        made.members[place].save()

    of_history, of_draft = (rehearse(made, months=3, **rules).result["pyramid"] for rules in ({}, {"document": DRAFT}))

    by_days = {row["date"]: standings.pyramid(programme=made.loyalty, as_of=row["date"]) for row in of_draft}
    assert {row["date"]: row["history"] for row in of_draft} == by_days
    assert (
        [row["rehearsed"] for row in of_history]
        == [row["history"] for row in of_history]
        == [by_days[row["date"]] for row in of_history]
    )
    for row in of_draft:
        assert sum(row["rehearsed"].values()) == sum(row["history"].values())
    assert [row["rehearsed"] for row in of_draft] != [row["history"] for row in of_draft]


def test_a_rehearsal_of_some_months_begins_with_the_standings_before_them():
    made = history(3, length=75)

    done = rehearse(made, months=1)

    assert (done.starts_on, done.ends_on) == (FIRST + 45 * DAY, FIRST + 74 * DAY)
    assert (done.result["differences"], done.dates) == (0, 30)


def test_a_draft_is_told_beside_history():
    made = history(1)
    before = live()

    done = rehearse(made, document=DRAFT)

    result, tiers = done.result, ("standard", "silver", "gold")
    assert live() == before
    assert (done.document, done.digest, done.rule_book) == (DRAFT, digest_of(DRAFT), None)
    pyramid = standings.pyramid(programme=made.loyalty, as_of=done.ends_on)
    assert {tier: sum(result["matrix"][tier].values()) for tier in tiers} == pyramid
    assert result["pyramid"][-1]["history"] == pyramid
    assert [one["date"] for one in result["pyramid"]][-2:] == ["2026-03-31", "2026-04-14"]
    moved = [(move.from_tier.code, move.to_tier.code) for move in RehearsedMove.objects.filter(rehearsal=done)]
    for lower in tiers:
        for higher in tiers:
            assert lower == higher or moved.count((lower, higher)) == result["matrix"][lower][higher]
    assert result["differences"] == result["winners"] + result["losers"] == len(moved) > 0
    for part in ("tiers", "branches", "ages"):
        sums = [sum(row[name] for row in result[part]) for name in ("members", "winners", "losers")]
        assert sums == [6, result["winners"], result["losers"]]


def in_words(*, assets=(), cards=("card",), products=()):
    """Return the document of a history's first rule book, its series narrowed by selections."""
    nine = {"window": "9 days"}
    of = {**nine, "metric": "average_assets", "selection": list(assets)}
    return {
        "downgrade": "grace", "grace": "4 days", "down": "to_target",
        "conditions": [
            {"tier": "silver", **of, "enter": "0.60", "keep": "0.50"},
            {"tier": "gold", **of, "enter": "0.90", "keep": "0.80"},
            {"tier": "gold", "metric": "growth_points", "currency": "growth", "window": "1 months", "enter": 10},
            {"tier": "silver", "group": 2, "metric": "transaction_count", "selection": list(cards), **nine, "enter": 3, "keep": 2},
            {"tier": "gold", "group": 3, "metric": "products_held", "selection": list(products), "enter": 3},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_draft_that_says_what_was_in_force_is_history(seed):
    """As a document whose quantities are counted, as one whose quantities nobody has counted yet, and as the stored rule book."""
    made = history(seed, length=30, changes=30, reopens=False)
    told = [
        {"document": in_words()},
        {"document": in_words(assets=["deposit"], cards=["card", "cheque"], products=["fund"])},
        {"rule_book": made.books[0]},
    ]
    before = live()

    results = [rehearse(made, **rules).result for rules in told]

    moves = results[0]["moves"]["history"]
    assert sum(moves.values()) == Decision.objects.filter(programme=made.loyalty).count()
    assert [result["moves"]["rehearsed"] for result in results] == [moves] * 3
    assert [(result["differences"], result["pyramid"]) for result in results] == [(0, results[0]["pyramid"])] * 3
    assert live() == before


def test_ranges_add_up_to_the_whole(settings):
    made = history(1)
    whole = rehearse(made, document=DRAFT)
    settings.NIGHT_CHUNK_MEMBERS = 2

    in_ranges = rehearse(made, document=DRAFT)

    assert (whole.ranges.count(), in_ranges.ranges.count()) == (1, 3)
    assert in_ranges.result == whole.result
    moves = [sorted(one.moves.values_list("member", "to_tier")) for one in (whole, in_ranges)]
    assert moves[0] == moves[1] != []


def test_the_last_finished_rehearsal_of_exactly_a_draft_is_found():
    made = history(1, length=10)
    other = rehearse(made, document=DRAFT | {"calendar": "nightly"})
    first, second = rehearse(made, document=DRAFT), rehearse(made, document=DRAFT)
    start(made, document=DRAFT)
    rehearse(made)

    found = rehearsing.latest(programme=made.loyalty, digest=digest_of(DRAFT))

    assert found == second and first != second
    assert rehearsing.latest(programme=made.loyalty, digest=other.digest) == other
    assert rehearsing.latest(programme=made.premier, digest=digest_of(DRAFT)) is None
    assert rehearsing.latest(programme=made.loyalty, digest="") is None
