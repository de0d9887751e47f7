"""Foreseeing: what is foretold of a member is what the nights then do; and each state in words, with its dates."""

import datetime
import random

import pytest

from foundation.periods import add_months, month_end
from tests.factories import (
    BankFactory,
    ConditionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tests.tiers.cast import DAY, NIGHT, TIERS, book_of, hold
from tiers import reviewing
from tiers.explaining import explain
from tiers.models import Decision, Protection, RuleBook, RunningTotal, Standing, TierTerms

pytestmark = pytest.mark.django_db
MARCH_10 = datetime.date(2026, 3, 10)
HORIZON = 85
BEFORE = MARCH_10 - 400 * DAY


@pytest.fixture(autouse=True)
def bank():
    BankFactory()


def review(as_of):
    reviewing.review(as_of=as_of, first_member=1, last_member=2**63 - 1, run=None, actor=NIGHT)


def standing(member, book, rank, *, valid_until=None, grace_until=None, as_of=MARCH_10, figures=None):
    """Let a member stand at the tier of a rank by a decision of `as_of`."""
    tier = book.programme.tiers.get(rank=rank)
    decision = Decision.objects.create(
        member=member, programme=book.programme, as_of=as_of, from_tier=tier, to_tier=tier,
        outcome="grace" if grace_until else "renewed", valid_until=valid_until, grace_until=grace_until,
        figures=figures or {"products_held:*": rank}, rule_book=book,
    )  # fmt: skip
    Standing.objects.create(
        member=member, programme=book.programme, tier=tier, since=as_of, decided_on=as_of,
        valid_until=valid_until, grace_until=grace_until, decision=decision,
    )  # fmt: skip


def random_book(chance, calendar):
    programme = ProgrammeFactory(tiers=TIERS)
    book = book_of(
        programme,
        calendar=calendar,
        upgrades_nightly=chance.random() < 0.4,
        validity_months=chance.choice([None, 1, 2, 12]),
        downgrade=chance.choice(["immediate", "grace", "grace", "never"]),
        one_step=chance.random() < 0.5,
        grace_unit=chance.choice(["days", "months"]),
        grace_length=chance.choice([0, 1, 10]),
        protected_until=chance.choice([None, None, MARCH_10 + chance.randint(-3, 50) * DAY]),
    )
    TierTerms.objects.create(rule_book=book, tier=programme.tiers.get(rank=2), validity_months=3, grace_length=5)
    return book


def random_member(chance, book):
    """Make a member in any state that nights and people can have left him in."""
    member, rank = MemberFactory(joined_on=BEFORE + chance.randint(0, 300) * DAY), chance.randint(0, 3)
    hold(member, chance.randint(0, 3), since=BEFORE)
    lasts = chance.choice([None, month_end(add_months(MARCH_10, chance.randint(-1, 3)))])
    grace = book.downgrade == "grace" and rank and chance.random() < 0.4
    if chance.random() < 0.6:
        until = chance.choice([MARCH_10 + chance.randint(2, 80) * DAY, month_end(MARCH_10)])
        fresh = chance.random() < 0.3
        starts = MARCH_10 + DAY if fresh else MARCH_10 - chance.randint(0, 9) * DAY
        floor = chance.randint(1, 3) if fresh else chance.randint(1, max(rank, 1))
        rank = rank if fresh else max(rank, floor)
        kind = chance.choice(Protection.Kind.values)
        Protection.objects.create(
            member=member, programme=book.programme, kind=kind, tier=book.programme.tiers.get(rank=floor), starts_on=starts,
            until=until, ended_on=chance.choice([None, MARCH_10, MARCH_10 + DAY]) if not fresh else None, reason="-",
        )  # fmt: skip
        lasts = until if not fresh and kind != "freeze" and floor == rank else lasts
    if rank:
        grace_until = MARCH_10 + chance.randint(-5, 30) * DAY if grace else None
        standing(member, book, rank, valid_until=lasts, grace_until=grace_until)
    return member


@pytest.mark.parametrize("calendar", RuleBook.Calendar.values)
@pytest.mark.parametrize("seed", range(2))
def test_the_nights_do_what_is_foretold(seed, calendar):
    """The first decision on each of 25 members falls on the date, with the outcome and tier, that were foreseen; or none falls."""
    chance = random.Random(f"{seed} {calendar}")
    book = random_book(chance, calendar)
    members = [random_member(chance, book) for _ in range(25)]
    foretold = {}
    for member in members:
        foreseen = explain(member=member, programme=book.programme, as_of=MARCH_10).foreseen
        near = foreseen and foreseen.on <= MARCH_10 + HORIZON * DAY
        foretold[member.pk] = (foreseen.on, foreseen.outcome, foreseen.tier.code) if near else None

    for day in range(1, HORIZON + 1):
        review(MARCH_10 + day * DAY)

    later = Decision.objects.filter(as_of__gt=MARCH_10).order_by("member", "as_of").distinct("member")
    happened = {one.member_id: (one.as_of, one.outcome, one.to_tier.code) for one in later.select_related("to_tier")}
    assert {pk: happened.get(pk) for pk in foretold} == foretold


def outlook(member, book, as_of=MARCH_10):
    return explain(member=member, programme=book.programme, as_of=as_of).outlook


def made(products, rank, *, protection=None, valid_until=None, grace_until=None, joined_on=BEFORE, **terms):
    """Return a member of so many products at the tier of a rank, and his book."""
    book = book_of(ProgrammeFactory(tiers=TIERS), **terms)
    member = MemberFactory(joined_on=joined_on)
    hold(member, products, since=BEFORE)
    if rank:
        standing(member, book, rank, valid_until=valid_until, grace_until=grace_until)
    if protection:
        Protection.objects.create(
            member=member, programme=book.programme, reason="-",
            **{"tier": book.programme.tiers.get(rank=rank), "starts_on": MARCH_10} | protection,
        )  # fmt: skip
    return member, book


JUNE_30 = datetime.date(2026, 6, 30)
MAY_15 = datetime.date(2026, 5, 15)
GOLD_AT_MONTH_END = {"rank": 2, "calendar": "month_end", "validity_months": 12, "valid_until": JUNE_30}
RISE = "Missing for Platinum: 1 more product. If all is met by the review of 31 March 2026, that gives it."


def test_a_valid_tier_with_enough_names_the_review_that_renews_it():
    assert outlook(*made(2, **GOLD_AT_MONTH_END)) == [
        "Valid until 30 June 2026.",
        "As things stand, the review of 30 June 2026 renews it.",
        RISE,
    ]


def test_a_valid_tier_with_too_little_says_what_is_missing_by_when_and_what_else_happens():
    assert outlook(*made(1, **GOLD_AT_MONTH_END)) == [
        "Valid until 30 June 2026.",
        "Missing to keep Gold at the review of 30 June 2026: 1 more product.",
        "Otherwise that review lowers it to Silver.",
        "Missing for Platinum: 2 more products. If all is met by the review of 31 March 2026, that gives it.",
    ]


def test_before_a_grace_period_it_says_that_one_begins():
    told = outlook(*made(1, **GOLD_AT_MONTH_END, downgrade="grace"))

    assert told[2] == "Otherwise a grace period begins with that review."


def test_in_grace_it_says_until_when_a_review_renews_and_which_one_lowers():
    told = outlook(*made(0, **GOLD_AT_MONTH_END, downgrade="grace", grace_until=MAY_15, one_step=True))

    assert told[:3] == [
        "In grace until 15 May 2026.",
        "Missing to keep Gold: 2 more products.",
        "Any review until 15 May 2026 renews it once that is met; else the one of 31 May 2026 lowers it to Silver.",
    ]


def test_in_grace_with_enough_the_next_review_renews():
    told = outlook(*made(2, **GOLD_AT_MONTH_END, downgrade="grace", grace_until=MAY_15))

    assert told[1] == "As things stand, the review of 31 March 2026 renews it."


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("invitation", "By invitation no review before 15 May 2026 lowers it below Gold."),
        ("freeze", "It is frozen: no review before 15 May 2026 lowers it below Gold."),
        ("override", "It was set by hand: no review before 15 May 2026 lowers it below Gold."),
    ],
)
def test_a_protected_tier_says_until_when_and_which_review_decides_then(kind, sentence):
    more = GOLD_AT_MONTH_END | {"valid_until": None if kind == "freeze" else MAY_15}
    member, book = made(0, **more, protection={"kind": kind, "until": MAY_15})

    assert outlook(member, book)[:3] == [
        sentence,
        "Missing to keep Gold at the review of 31 May 2026: 2 more products.",
        "Otherwise that review lowers it to Standard.",
    ]
    assert explain(member=member, programme=book.programme, as_of=MARCH_10).secured.endswith("until 15 May 2026")


def test_an_invitation_that_was_approved_today_is_told_before_the_night():
    member, book = made(0, 0, calendar="month_end")
    Protection.objects.create(
        member=member, programme=book.programme, kind="invitation", tier=book.programme.tiers.get(rank=3),
        starts_on=MARCH_10 + DAY, until=MAY_15, reason="-",
    )  # fmt: skip

    assert outlook(member, book)[0] == "Platinum from the close of 11 March 2026 on: by invitation until 15 May 2026."


def test_what_is_never_lowered_is_kept_for_ever():
    assert outlook(*made(0, 3, downgrade="never", validity_months=12, valid_until=JUNE_30)) == [
        "Valid until 30 June 2026.",
        "A tier once reached is kept for ever.",
        "There is no higher tier.",
    ]


def test_an_anniversary_is_the_members_own_date():
    leapling = {"joined_on": datetime.date(2024, 2, 29), "calendar": "anniversary"}

    assert outlook(*made(0, 2, **leapling))[:2] == [
        "Missing to keep Gold at the review of 28 February 2027: 2 more products.",
        "Otherwise that review lowers it to Standard.",
    ]


@pytest.mark.parametrize(("upgrades_nightly", "date"), [(True, "11 March 2026"), (False, "31 December 2026")])
def test_a_higher_tier_is_promised_for_the_date_that_gives_it(upgrades_nightly, date):
    told = outlook(*made(3, 1, calendar="year_end", upgrades_nightly=upgrades_nightly))

    assert told[-1] == f"All that Platinum asks is met; the review of {date} gives it."


def test_what_drops_out_of_its_window_before_the_review_is_told_in_time():
    """500 growth points of last April are enough for silver now, and too old on the year's last day."""
    growth, member = SeriesFactory(growth=True), MemberFactory(joined_on=BEFORE)
    book = RuleBookFactory(calendar="year_end", validity_months=12)
    ConditionFactory(rule_book=book, series=growth, window="months", window_length=12, enter_minimum=500)
    april = datetime.date(2025, 4, 20)
    RunningTotal.objects.create(member_id=member.pk, series_id=growth.pk, day=april, first_day=april, total=500)
    figures = {"growth_points:growth/12m": 500}
    standing(member, book, 1, valid_until=datetime.date(2026, 12, 31), figures=figures)

    explained = explain(member=member, programme=book.programme, as_of=MARCH_10)

    assert explained.kept
    assert (explained.foreseen.on, explained.foreseen.outcome) == (datetime.date(2026, 12, 31), "downgraded")
    assert explained.outlook[1:3] == [
        "Enough for Silver today, but not any more on 31 December 2026, when older figures have dropped out: 500 more growth points.",
        "Otherwise that review lowers it to Standard.",
    ]


def test_new_rules_are_announced_from_their_date():
    member, book = made(2, **GOLD_AT_MONTH_END)
    book_of(book.programme, number=2, in_force_from=MAY_15)

    assert outlook(member, book)[-1] == "New rules hold from 15 May 2026."


def test_of_a_closed_membership_nothing_is_foretold():
    member, book = made(2, **GOLD_AT_MONTH_END)
    member.status, member.closed_on = "closed", MARCH_10
    member.save()

    assert outlook(member, book) == ["The membership is closed; no review changes its tiers any more."]


def test_each_higher_tier_tells_what_it_lacks():
    member, book = made(1, 1)

    explained = explain(member=member, programme=book.programme, as_of=MARCH_10)

    assert [(tier.code, groups[0].missing) for tier, groups in explained.higher] == [
        ("gold", "1 more product"),
        ("platinum", "2 more products"),
    ]
