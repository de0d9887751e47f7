"""Merging beside who earns, spends, closes or merges meanwhile: no point is lost or doubled; beside the twin that takes no fence."""

import threading

import pytest
from django.db import transaction

from activity.models import Activity
from activity.reports import ActivityReport
from campaigns import earning
from foundation.refusals import Refusal
from foundation.transactions import commit as committing
from members import merging as records
from members.models import Member, Merge
from membership_site import merging
from points import redeeming
from points.models import Entry
from tests.factories import BankFactory, EarningRuleVersionFactory, MemberFactory, PointCurrencyFactory
from tests.merging.cast import merge, totals
from tests.points.cast import CLERK, NOON, asked, books_ok, purse_of, redeem
from tests.races.test_night import at_once
from tests.races.test_posting import commit, in_rounds

PAIRS = 12


def pairs(points) -> list[tuple[Member, Member]]:
    """Return pairs of records, each record with 100 points."""
    branch = MemberFactory().branch
    crowd = MemberFactory.create_batch(2 * PAIRS, branch=branch)
    commit(*(asked(who, points, 100) for who in crowd))
    return list(zip(crowd[::2], crowd[1::2], strict=True))


def merged(kept: Member, gone: Member) -> str:
    try:
        committing(merge, kept=kept, gone=gone)
    except Refusal as refusal:
        return refusal.code
    return "merged"


@pytest.fixture
def points(committed):
    BankFactory()
    return PointCurrencyFactory()


def test_a_record_is_spent_from_while_it_is_merged(points):
    """Each redemption is booked before the merge, or refused after it; what is left moved."""
    crowd = pairs(points)

    def spend(number):
        _kept, gone = crowd[number]
        try:
            committing(redeem, member=gone, currency=points, points=80)
        except redeeming.UnknownPurse as refusal:
            return refusal.code
        return "spent"

    answers = in_rounds(PAIRS, spend, lambda number: merged(*crowd[number]))

    spent = sum(answer == "spent" for answer, _merge in answers)
    # Who looked at a record before it was spent from is told so: nothing moved then.
    assert {merge for _spend, merge in answers} <= {"merged", "stale"}
    assert totals() == {points.pk: 200 * PAIRS - 80 * spent}
    assert books_ok()


def test_what_is_earned_while_records_are_merged_is_never_orphaned(points):
    """A11: whatever is reported under the old number has earned, on one record or the other."""
    EarningRuleVersionFactory(reward_currency=points)
    crowd = pairs(points)

    def earn(number):
        report = ActivityReport(
            source="core", external_id=f"T{number}", member_number=crowd[number][1].number, kind="card_spend",
            occurred_at=NOON, amount_minor=50_00,
        )  # fmt: skip
        [answer] = committing(earning.take, reports=[report], actor=CLERK)
        return answer.outcome, answer.earned

    answers = in_rounds(PAIRS, earn, lambda number: merged(*crowd[number]))

    assert {str(answer) for answer, _merge in answers} == {str(("recorded", {"points": 50}))}
    assert totals() == {points.pk: 250 * PAIRS}
    for (kept, gone), (_answer, told) in zip(crowd, answers, strict=True):
        left = purse_of(gone, points).get("available", 0)
        assert (purse_of(kept, points)["available"], left) == ((250, 0) if told == "merged" else (100, 150))
    assert books_ok()


def test_a_into_b_and_b_into_a_at_once_and_one_is_done(points):
    crowd = pairs(points)

    answers = in_rounds(PAIRS, lambda number: merged(*crowd[number]), lambda number: merged(*reversed(crowd[number])))

    assert [sorted(answer).count("merged") for answer in answers] == [1] * PAIRS
    assert totals() == {points.pk: 200 * PAIRS}
    assert books_ok()


def test_a_into_b_and_b_into_c_at_once_leave_one_chain_or_one_link(points):
    crowd = pairs(points)
    ends = MemberFactory.create_batch(PAIRS, branch=crowd[0][0].branch)

    answers = in_rounds(
        PAIRS, lambda number: merged(*crowd[number]), lambda number: merged(ends[number], crowd[number][0])
    )

    assert all("merged" in answer for answer in answers)
    for (kept, gone), end, (first, second) in zip(crowd, ends, answers, strict=True):
        kept.refresh_from_db()
        gone.refresh_from_db()
        assert kept.merged_into == (end if second == "merged" else None)
        assert gone.merged_into == ((kept.merged_into or kept) if first == "merged" else None)
    assert totals() == {points.pk: 200 * PAIRS}
    assert books_ok()


def test_a_record_is_closed_while_it_is_merged(points):
    crowd = pairs(points)

    def close(number):
        open_one = Member.objects.filter(pk=crowd[number][1].pk, status="active")
        return open_one.update(status="closed", closed_on=NOON.date())

    answers = in_rounds(PAIRS, close, lambda number: merged(*crowd[number]))

    for closed, told in answers:
        assert (closed, told) in {(1, "stale"), (1, "record_not_open"), (0, "merged")}
    assert totals() == {points.pk: 200 * PAIRS}
    assert books_ok()


def test_who_looked_up_the_number_before_orphans_what_he_reports_naively(points, monkeypatch):
    """The twin merges without the fence: the report was given to the record that went, and earns nothing anywhere."""
    EarningRuleVersionFactory(reward_currency=points)
    [(kept, gone), *_rest] = pairs(points)
    monkeypatch.setattr(merging.fencing, "hold", lambda: None)
    looked, done = threading.Event(), threading.Event()

    def earn():
        report = ActivityReport(
            source="core", external_id="T1", member_number=gone.number, kind="card_spend", occurred_at=NOON,
            amount_minor=50_00,
        )  # fmt: skip
        with transaction.atomic():
            outcome = earning.recording.record_activities([report], earned_at_once=True, actor=CLERK)
            looked.set()
            done.wait(timeout=30)
            earning.ledger.stage()
            earning._evaluate("activities_taken")
            return outcome, earning.ledger.post_staged(actor=CLERK)

    def merges():
        looked.wait(timeout=30)
        told = merged(kept, gone)
        done.set()
        return told

    assert at_once(earn, merges) == [(["recorded"], {"unknown_purse": 1}), "merged"]
    assert Activity.objects.get().member_id == gone.pk
    assert purse_of(kept, points)["available"] == 200


def test_a_merge_that_dies_halfway_has_not_begun(points, monkeypatch):
    [(kept, gone), *_rest] = pairs(points)
    monkeypatch.setattr(records, "close_into", lambda *_arguments, **_named: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        committing(merge, kept=kept, gone=gone)

    assert not Merge.objects.exists()
    assert not Entry.objects.filter(cause__startswith="merge/").exists()
    assert books_ok()
