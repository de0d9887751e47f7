"""Two deliveries at once: one external id for two members, two corrections of a day, a closing beside a balance; and their naive twins."""

import datetime
import itertools
import threading

import pytest
from django.db import transaction

from activity.models import Activity, BalanceSnapshot
from activity.recording import record_accounts, record_activities, record_holdings, record_snapshots
from activity.reports import ActivityReport, HoldingReport, SnapshotReport
from foundation import transactions
from foundation.actors import Actor
from members.enrolling import enrol
from members.models import Account, Member
from members.reports import AccountReport, MemberReport
from tests.factories import AccountFactory, BankFactory, BranchFactory, MemberFactory, SourceFactory
from tests.races.test_night import at_once

CORE = Actor.job("intake")
DAY = datetime.date(2026, 2, 27)
NOON = datetime.datetime(2026, 2, 27, 4, tzinfo=datetime.UTC)
OPENED = datetime.date(2024, 1, 15)
ROUNDS = 20


@pytest.fixture
def bank(committed):
    """Wang with account A1, Li with A2."""
    BankFactory()
    SourceFactory(code="core")
    BranchFactory(code="HQ")
    for name, number in (("WANG", "A1"), ("LI", "A2")):
        AccountFactory(member=MemberFactory(number=name), number=number, opened_on=OPENED)


def activity(external_id, member_number):
    return ActivityReport(
        source="core", external_id=external_id, kind="log_in", occurred_at=NOON, member_number=member_number
    )


def snapshot(amount_minor, day=DAY):
    return SnapshotReport(source="core", account_number="A1", day=day, amount_minor=amount_minor)


def test_an_external_id_reported_for_two_members_at_once_is_taken_for_one(bank):
    for turn in range(ROUNDS):
        reports = [activity(f"t{turn}", name) for name in ("WANG", "LI")]

        answers = at_once(
            *(
                lambda report=report: transactions.commit(record_activities, reports=[report], actor=CORE)
                for report in reports
            )
        )

        assert sorted(answers) == [["conflict"], ["recorded"]]
    assert Activity.objects.count() == ROUNDS


def test_naive_looking_before_inserting_takes_it_for_both(bank):
    looked = threading.Barrier(2)

    def record(name):
        with transaction.atomic():
            known = Activity.objects.filter(source_id=1, external_id="t").exists()
            looked.wait()
            if not known:
                member_id = Member.objects.get(number=name).pk
                Activity.objects.create(
                    member_id=member_id, source_id=1, external_id="t", kind="log_in", currency="CNY",
                    occurred_at=NOON, occurred_on=DAY, booked_on=datetime.date(2026, 3, 2),
                )  # fmt: skip

    at_once(lambda: record("WANG"), lambda: record("LI"))

    assert Activity.objects.filter(external_id="t").count() == 2


def test_two_corrections_of_a_day_at_once_are_two_revisions(bank):
    transactions.commit(record_snapshots, reports=[snapshot(1)], actor=CORE)

    answers = at_once(
        *(
            lambda amount=amount: transactions.commit(record_snapshots, reports=[snapshot(amount)], actor=CORE)
            for amount in (2, 3, 2, 3)
        )
    )

    outcomes = [outcome for [outcome] in answers]
    assert set(outcomes) <= {"recorded", "duplicate"}
    amounts = list(BalanceSnapshot.objects.order_by("revision").values_list("amount_minor", flat=True))
    assert len(amounts) == 1 + outcomes.count("recorded")
    assert all(before != after for before, after in itertools.pairwise(amounts))


def test_two_whole_batches_in_opposite_order_both_end(bank):
    days = [DAY - datetime.timedelta(days=back) for back in range(200)]
    reports = [
        SnapshotReport(source="core", account_number=number, day=day, amount_minor=5)
        for day in days
        for number in ("A1", "A2")
    ]

    answers = at_once(
        lambda: transactions.commit(record_snapshots, reports=reports, actor=CORE),
        lambda: transactions.commit(record_snapshots, reports=reports[::-1], actor=CORE),
    )

    assert sorted(set(answers[0]) | set(answers[1])) == ["duplicate", "recorded"]
    assert BalanceSnapshot.objects.count() == 400


def test_no_balance_slips_past_a_closing(bank):
    for turn in range(ROUNDS):
        number, closed_on = f"C{turn}", datetime.date(2026, 2, 1)
        AccountFactory(member=Member.objects.get(number="LI"), number=number, opened_on=OPENED)
        closing = AccountReport(
            number=number, account_class="deposit", opened_on=OPENED, closed_on=closed_on, member_number="LI"
        )
        late = SnapshotReport(source="core", account_number=number, day=DAY, amount_minor=700)

        [closed], [recorded] = at_once(
            lambda closing=closing: transactions.commit(record_accounts, reports=[closing], source="core", actor=CORE),
            lambda late=late: transactions.commit(record_snapshots, reports=[late], actor=CORE),
        )

        assert (closed, recorded) in {("closed", "account_closed"), ("closed", "recorded")}
        account_id = Account.objects.get(number=number).pk
        assert (
            BalanceSnapshot.objects.filter(account_id=account_id).order_by("day", "revision").last().amount_minor == 0
        )


def test_a_holding_reported_for_two_members_at_once_is_taken_for_one(bank):
    for turn in range(ROUNDS):
        held = {"source": "core", "external_id": f"h{turn}", "product": "card", "opened_on": OPENED}
        reports = [HoldingReport(member_number=name, **held) for name in ("WANG", "LI")]

        answers = at_once(
            *(
                lambda report=report: transactions.commit(record_holdings, reports=[report], actor=CORE)
                for report in reports
            )
        )

        assert sorted(answers) == [["conflict"], ["recorded"]]


def test_a_member_enrolled_four_times_at_once_is_one(bank):
    report = MemberReport(number="NEW", branch_code="HQ", joined_on=OPENED, full_name="王小明")

    answers = at_once(*[lambda: transactions.commit(enrol, batch=[report], at=NOON, actor=CORE)] * 4)

    assert sorted(outcome for [outcome] in answers) == ["enrolled", "unchanged", "unchanged", "unchanged"]
    assert Member.objects.filter(number="NEW").count() == 1
