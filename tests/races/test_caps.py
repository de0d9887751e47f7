"""Two batches that meet one cap at the same time give together what the cap allows, and neither waits for ever."""

import dataclasses
import datetime
import threading

from activity.reports import ActivityReport
from campaigns.earning import take
from campaigns.models import CapUse
from foundation import transactions
from foundation.actors import Actor
from points import ledger
from points.models import Entry, Kind, Purse
from tests.factories import FIRST_BUSINESS_DATE, BankFactory, EarningRuleVersionFactory, MemberFactory, SourceFactory
from tests.races.test_night import at_once
from tests.races.test_taking import posting, with_a_purse

ACTOR = Actor.job("core-banking")
REPORT = ActivityReport(
    source="core",
    external_id="T",
    member_number="88",
    kind="card_spend",
    amount_minor=60_00,
    occurred_at=datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC),
)
ROUNDS = 50


def open_bank(**rule: int) -> None:
    """Open a bank where a yuan gives a point within the caps of `rule`."""
    BankFactory()
    SourceFactory()
    EarningRuleVersionFactory(**rule)


def taking(*reports: ActivityReport):
    """Return a call that takes reports in a transaction of its own."""
    return lambda: transactions.commit(take, reports=reports, actor=ACTOR)


def test_batches_at_once_give_what_the_cap_allows_and_no_more(committed):
    open_bank(cap_per_day=100, cap_per_month=170)
    for round_number in range(ROUNDS):
        member = MemberFactory(number=f"R{round_number}")
        mine = dataclasses.replace(REPORT, member_number=member.number)
        two_days = [FIRST_BUSINESS_DATE, FIRST_BUSINESS_DATE.replace(day=1)]

        at_once(
            *[
                taking(
                    *[
                        dataclasses.replace(
                            mine,
                            external_id=f"{round_number}-{batch}-{day}",
                            occurred_at=REPORT.occurred_at.replace(day=day.day),
                        )
                        for day in two_days[:: 1 if batch % 2 else -1]
                    ]
                )
                for batch in range(4)
            ]
        )

        earned = dict(Entry.objects.filter(member_id=member.pk).values_list("number", "points"))
        assert sum(earned.values()) == 170, f"round {round_number}: {earned}"
        assert CapUse.objects.get(member_id=member.pk, period="month").points == 170


def test_batches_over_the_same_members_in_opposite_order_both_end(committed):
    open_bank(cap_per_day=100)
    members = [MemberFactory(number=f"M{n}") for n in range(40)]
    batches = [
        [
            dataclasses.replace(REPORT, member_number=member.number, external_id=f"{member.number}-{n}")
            for member in members
        ]
        for n in range(3)
    ]

    at_once(taking(*batches[0]), taking(*batches[1][::-1]), taking(*batches[2]))

    assert set(Purse.objects.values_list("available", flat=True)) == {100}
    assert set(CapUse.objects.values_list("points", flat=True)) == {100}


def test_two_first_activities_at_once_earn_one_bonus(committed):
    open_bank(first_time_bonus=500)
    for round_number in range(ROUNDS // 5):
        member = MemberFactory(number=f"R{round_number}")
        reports = [
            dataclasses.replace(REPORT, member_number=member.number, external_id=f"{round_number}-{n}")
            for n in range(4)
        ]

        answers = at_once(*[taking(one) for one in reports])

        assert Entry.objects.filter(member_id=member.pk, kind=Kind.BONUS).count() == 1
        assert sorted(answer.earned["points"] for [answer] in answers) == [60, 60, 60, 560]


def test_naive_twin_sums_what_was_given_first_and_gives_too_much(committed):
    open_bank()
    MemberFactory(number="88")
    with_a_purse()
    both_summed = threading.Barrier(2)

    def sum_then_give() -> None:
        left = 100 - sum(Entry.objects.values_list("points", flat=True))
        both_summed.wait()
        ledger.post([dataclasses.replace(posting(), points=min(left, 100))], actor=ACTOR)

    at_once(*[lambda: transactions.commit(sum_then_give)] * 2)

    assert Purse.objects.get().available == 200
