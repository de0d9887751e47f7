"""Breakage: the estimate against figures worked out by hand, the standard's and its handbook's."""

import datetime
import math

import pytest

from books import estimating
from books.estimating import Passage, TooLittle, estimate, expected, pooled, recognised_minor
from tests.books.cast import begin_month, keep_months
from tests.factories import BankFactory, PointCurrencyFactory

JANUARY = datetime.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("redeemed", "expected_redeemed", "recognised"),
    [
        (4_500, 9_700, 4_175),
        (8_500, 9_900, 4_175 + 3_552),
        (8_500, 9_200, 4_175 + 4_140),
        (0, 9_700, 0),
        (9_900, 9_900, 9_000),
    ],
)
def test_income_from_points_is_that_of_the_handbook(redeemed, expected_redeemed, recognised):
    """E11. KPMG, "Revenue – IFRS 15 handbook" (2019), examples 10A and 10B, on IFRS 15.IE267-IE270: of 100,000 the points are
    allocated 9,000; 4,500 of 9,700 expected are redeemed in year 2 (4,175), 4,000 more in year 3, when 9,900 (3,552 more) or
    9,200 (4,140 more) are expected."""
    assert recognised_minor(allocated_minor=9_000, redeemed=redeemed, expected_redeemed=expected_redeemed) == recognised


@pytest.mark.parametrize(
    ("redeemed", "expected_redeemed", "recognised"), [(4_500, 9_500, 4_110), (8_500, 9_700, 7_603)]
)
def test_income_from_points_is_that_of_the_standard(redeemed, expected_redeemed, recognised):
    """IFRS 15 Illustrative Example 52: 8,676 allocated; 4,110 after the first year, 3,493 more after the second."""
    assert recognised_minor(allocated_minor=8_676, redeemed=redeemed, expected_redeemed=expected_redeemed) == recognised


def test_a_passage_pools_the_cohorts_and_measures_how_they_differ():
    passage = pooled(2, [(1_000, 100), (3_000, 900)])

    assert (passage.cohorts, passage.exposed, passage.used, passage.kept) == (2, 4_000, 1_000, 0.75)
    # 1,000 × (0.9 − 0.75)² + 3,000 × (0.7 − 0.75)², over one degree of freedom
    assert passage.spread == pytest.approx(22.5 + 7.5)


def test_two_cohorts_by_mack_s_formula_worked_out_by_hand():
    passages = {0: Passage(0, 3, 1_000, 400, 4.0), 1: Passage(1, 3, 2_000, 1_000, 9.0)}

    breakage, variance = expected({0: 500, 1: 800}, passages)

    near, far = 500 * 0.6, 800 * 0.5 * 0.6
    last, first = 4.0 / 0.6**2, 9.0 / 0.5**2
    own_near = near**2 * last * (1 / 500 + 1 / 1_000)
    own_far = far**2 * (first * (1 / 800 + 1 / 2_000) + last * (1 / 400 + 1 / 1_000))
    together = 2 * near * far * last / 1_000
    assert breakage == pytest.approx(near + far)
    assert variance == pytest.approx(own_near + own_far + together)


@pytest.fixture
def currency(db) -> int:
    BankFactory()
    return PointCurrencyFactory().pk


def test_the_breakage_of_what_is_outstanding_is_estimated_from_the_months_seen(currency):
    last = keep_months(currency, 4)  # the next cohorts have 1, 2 and 3 months left, and 3 was never seen

    found = estimate(currency_id=currency, as_of=last)

    assert isinstance(found, TooLittle)
    assert (found.months_left, found.cohorts, found.needed) == (3, 0, 3)
    assert [(p.months_left, p.cohorts, p.exposed, p.used) for p in found.passages] == [
        (0, 4, 4_000, 800), (1, 4, 4_000, 400), (2, 4, 4_000, 400),
    ]  # fmt: skip


def test_with_every_month_of_life_seen_there_is_a_figure_and_its_band(currency):
    keep_months(currency, 4)
    day = begin_month(currency)

    found = estimate(currency_id=currency, as_of=day)

    kept = 0.8
    by_hand = 1_000 * kept + 1_000 * 0.9 * kept + 1_000 * 0.9 * 0.9 * kept
    spread = 4 * 1_000 * 0.05**2 / 3
    error = 1.96 * math.sqrt(
        sum(e**2 * spread / kept**2 * (1 / left + 1 / 4_000) for e, left in ((800, 1_000), (720, 900), (648, 810)))
        + 2 * spread / kept**2 / 4_000 * (800 * 720 + 800 * 648 + 720 * 648)
    )
    assert (found.breakage, found.outstanding, found.never) == (round(by_hand), 3_000, 70)
    assert (found.low, found.high) == (round(by_hand - error), round(by_hand + error))
    assert found.low < found.breakage < found.high


def test_without_books_there_is_nothing_to_go_by(db):
    assert estimating.passed(currency_id=PointCurrencyFactory().pk, as_of=JANUARY) == []
