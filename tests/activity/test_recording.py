"""Facts come in once, answer by answer, and are booked on the first open date."""

import datetime

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from activity.models import Activity, BalanceSnapshot, GradeReport, Holding, Source
from activity.recording import record_accounts, record_activities, record_grades, record_holdings, record_snapshots
from activity.reports import ActivityReport, HoldingReport, MemberGradeReport, SnapshotReport
from foundation.actors import Actor
from members.reports import AccountReport
from tests.factories import FIRST_BUSINESS_DATE, AccountFactory, BankFactory, MemberFactory

pytestmark = pytest.mark.django_db
CORE = Actor.job("intake")
DAY = datetime.date(2026, 2, 27)
NOON = datetime.datetime(2026, 2, 27, 4, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def wang():
    """Wang with account A1; Li with account A2."""
    BankFactory(currency="CNY")
    member = MemberFactory(number="WANG")
    AccountFactory(member=member, number="A1", opened_on=datetime.date(2024, 1, 15))
    AccountFactory(member=MemberFactory(number="LI"), number="A2")
    return member


def activity(external_id="t1", **changes):
    return ActivityReport(
        **{"source": "core", "external_id": external_id, "kind": "card_spend", "occurred_at": NOON, "account_number": "A1",
           "direction": "debit", "amount_minor": 12_345, **changes}
    )  # fmt: skip


def snapshot(amount_minor, day=DAY, account_number="A1"):
    return SnapshotReport(source="core", account_number=account_number, day=day, amount_minor=amount_minor)


def holding(external_id="h1", **changes):
    return HoldingReport(
        **{
            "source": "core",
            "external_id": external_id,
            "product": "card",
            "opened_on": DAY,
            "member_number": "WANG",
            **changes,
        }
    )


class TestActivities:
    def test_the_account_names_the_member_and_the_fence_the_booking_date(self, wang):
        outcomes = record_activities([activity()], actor=CORE)

        stored = Activity.objects.get()
        assert outcomes == ["recorded"]
        assert (stored.member_id, stored.account_id) == (wang.pk, wang.accounts.get().pk)
        assert (stored.occurred_on, stored.booked_on, stored.currency) == (DAY, FIRST_BUSINESS_DATE, "CNY")
        assert not stored.earned_at_once

    def test_it_occurs_on_the_date_of_the_banks_zone_and_never_is_booked_before(self):
        late = datetime.datetime(2026, 3, 9, 16, 30, tzinfo=datetime.UTC)

        record_activities([activity(occurred_at=late)], actor=CORE)

        stored = Activity.objects.get()
        assert stored.occurred_on == stored.booked_on == datetime.date(2026, 3, 10)

    def test_sent_again_it_is_a_duplicate_and_with_other_content_a_conflict(self):
        record_activities([activity()], actor=CORE)

        outcomes = record_activities(
            [
                activity(),
                activity(amount_minor=1),
                activity(account_number="A2"),
                activity(attributes={"terminal": "7"}),
            ],
            actor=CORE,
        )

        assert outcomes == ["duplicate", "conflict", "conflict", "conflict"]
        assert Activity.objects.get().amount_minor == 12_345

    def test_two_rows_of_one_batch_are_judged_like_two_batches(self):
        outcomes = record_activities([activity(), activity(), activity(kind="transfer")], actor=CORE)

        assert outcomes == ["recorded", "duplicate", "conflict"]
        assert Activity.objects.count() == 1

    def test_each_bad_report_is_refused_by_itself(self):
        reports = [
            activity("ok"),
            activity("a", account_number="A9"),
            activity("b", account_number="", member_number="NOBODY"),
            activity("c", account_number="A2", member_number="WANG"),
            activity("d", account_number=""),
            activity(""),
            activity("e", amount_minor=-1),
            activity("f", direction="sideways"),
            activity("g", kind="x" * 41),
            activity("h", purpose="a\0b"),
            activity("i", currency="yuan"),
            activity("j", channel="\ud800"),
            activity("k", attributes={"note": "a\0b"}),
            activity("l", attributes={"note": "\ud800"}),
            activity("m", attributes={"ratio": float("nan")}),
            activity("n", attributes={"note": "x" * 4000}),
            activity("o", occurred_at=NOON.replace(tzinfo=None)),
        ]

        outcomes = record_activities(reports, actor=CORE)

        assert outcomes == [
            "recorded", "unknown_account", "unknown_member", "unknown_account", "unknown_member", "invalid_external_id",
            "invalid_amount", "invalid_direction", "invalid_kind", "invalid_text", "invalid_currency", "invalid_text",
            *["invalid_attributes"] * 4, "invalid_occurred_at",
        ]  # fmt: skip
        assert Activity.objects.count() == 1

    def test_a_log_in_has_no_amount_nor_account(self, wang):
        report = activity(kind="log_in", direction="", amount_minor=None, account_number="", member_number="WANG")

        outcomes = record_activities([report], earned_at_once=True, actor=CORE)

        stored = Activity.objects.get()
        assert outcomes == ["recorded"]
        assert (stored.member_id, stored.amount_minor, stored.account_id, stored.earned_at_once) == (
            wang.pk,
            None,
            None,
            True,
        )

    def test_any_text_comes_back_as_it_was_sent(self):
        report = activity("\\N", purpose="𠮷 \\t ·", attributes={"note": "one\ttwo\nthree\\", "名": "王"})

        outcomes = record_activities([report], actor=CORE)

        stored = Activity.objects.get()
        assert outcomes == ["recorded"]
        assert (stored.external_id, stored.purpose, stored.attributes) == (
            report.external_id,
            report.purpose,
            report.attributes,
        )
        assert record_activities([report], actor=CORE) == ["duplicate"]

    def test_the_statements_are_as_many_for_one_as_for_five_hundred(self):
        record_activities([activity("first")], actor=CORE)
        with CaptureQueriesContext(connection) as one:
            record_activities([activity()], actor=CORE)
        batch = [activity(f"n{index}") for index in range(500)]

        with CaptureQueriesContext(connection) as many:
            outcomes = record_activities(batch, actor=CORE)

        assert set(outcomes) == {"recorded"}
        assert len(many) == len(one) == 8

    def test_a_known_source_costs_no_number(self):
        for external_id in ("t1", "t2", "t3"):
            record_activities([activity(external_id)], actor=CORE)

        assert list(Source.objects.values_list("code", flat=True)) == ["core"]


class TestSnapshots:
    def test_a_correction_is_the_next_revision_and_the_old_row_stays(self):
        first = record_snapshots([snapshot(100)], actor=CORE)
        again = record_snapshots([snapshot(100)], actor=CORE)
        corrected = record_snapshots([snapshot(90)], actor=CORE)

        assert first + again + corrected == ["recorded", "duplicate", "recorded"]
        rows = BalanceSnapshot.objects.order_by("revision").values_list("day", "revision", "amount_minor", "booked_on")
        assert list(rows) == [(DAY, 1, 100, FIRST_BUSINESS_DATE), (DAY, 2, 90, FIRST_BUSINESS_DATE)]

    def test_of_several_of_a_day_in_one_batch_the_last_counts(self):
        outcomes = record_snapshots([snapshot(1), snapshot(2), snapshot(5, account_number="A9")], actor=CORE)

        assert outcomes == ["superseded", "recorded", "unknown_account"]
        assert BalanceSnapshot.objects.get().amount_minor == 2

    def test_a_closed_account_counts_nothing_from_its_closing_date(self):
        closed_on, later = datetime.date(2026, 2, 20), datetime.date(2026, 2, 25)
        record_snapshots([snapshot(700, day=datetime.date(2026, 2, 10)), snapshot(900, day=later)], actor=CORE)
        report = AccountReport(
            number="A1",
            account_class="deposit",
            opened_on=datetime.date(2024, 1, 15),
            closed_on=closed_on,
            member_number="WANG",
        )

        closed = record_accounts([report], source="core", actor=CORE)
        again = record_accounts([report], source="core", actor=CORE)
        after = record_snapshots(
            [snapshot(5, day=closed_on), snapshot(0, day=later), snapshot(5, day=datetime.date(2026, 2, 19))],
            actor=CORE,
        )

        assert (closed, again, after) == (["closed"], ["unchanged"], ["account_closed", "duplicate", "recorded"])
        rows = BalanceSnapshot.objects.order_by("day", "revision").values_list("day", "revision", "amount_minor")
        assert list(rows) == [
            (datetime.date(2026, 2, 10), 1, 700),
            (datetime.date(2026, 2, 19), 1, 5),
            (closed_on, 1, 0),
            (later, 1, 900),
            (later, 2, 0),
        ]


class TestHoldings:
    def test_a_closing_is_the_next_revision(self):
        opened = record_holdings([holding()], actor=CORE)
        closed = record_holdings([holding(closed_on=datetime.date(2026, 3, 1))], actor=CORE)

        assert opened + closed == ["recorded", "recorded"]
        assert list(Holding.objects.order_by("revision").values_list("revision", "closed_on")) == [
            (1, None),
            (2, datetime.date(2026, 3, 1)),
        ]

    def test_each_report_has_its_answer(self):
        record_holdings([holding()], actor=CORE)
        reports = [
            holding(),
            holding(member_number="LI"),
            holding("h2", member_number="", account_number="A1"),
            holding("h3", member_number="NOBODY"),
            holding("h4", account_number="A2"),
            holding("h5", closed_on=datetime.date(2020, 1, 1)),
            holding("h6", product=""),
        ]

        one_by_one = [record_holdings([report], actor=CORE)[0] for report in reports]

        assert one_by_one == [
            "duplicate", "conflict", "recorded", "unknown_member", "unknown_account", "invalid_closed_on", "invalid_product"
        ]  # fmt: skip
        assert Holding.objects.count() == 2

    def test_a_holding_of_the_future_is_booked_when_it_opens(self):
        record_holdings([holding(opened_on=datetime.date(2027, 1, 1))], actor=CORE)

        assert Holding.objects.get().booked_on == datetime.date(2027, 1, 1)


def test_a_grade_is_corrected_by_a_revision():
    def grade(value, member_number="WANG"):
        return MemberGradeReport(source="core", member_number=member_number, day=DAY, grade=value)

    outcomes = record_grades([grade(3)], actor=CORE) + record_grades([grade(3)], actor=CORE)
    outcomes += record_grades([grade(9), grade(4), grade(5, "NOBODY"), grade(-1)], actor=CORE)

    assert outcomes == ["recorded", "duplicate", "superseded", "recorded", "unknown_member", "invalid_grade"]
    assert list(GradeReport.objects.order_by("revision").values_list("revision", "grade")) == [(1, 3), (2, 4)]


def test_grades_of_credit_and_of_risk_stand_side_by_side():
    def grade(value, scale):
        return MemberGradeReport(source="core", member_number="WANG", day=DAY, grade=value, scale=scale)

    outcomes = record_grades([grade(3, "credit"), grade(3, "risk"), grade(3, "mood")], actor=CORE)
    outcomes += record_grades([grade(4, "risk")], actor=CORE)

    assert outcomes == ["recorded", "recorded", "invalid_scale", "recorded"]
    assert list(GradeReport.objects.order_by("scale", "revision").values_list("scale", "revision", "grade")) == [
        ("credit", 1, 3),
        ("risk", 1, 3),
        ("risk", 2, 4),
    ]


def test_the_database_refuses_a_grade_of_a_scale_it_does_not_know():
    with pytest.raises(IntegrityError, match="grade_scale_known"):
        GradeReport.objects.create(member_id=1, scale="mood", day=DAY, grade=3, booked_on=DAY, source_id=1)
