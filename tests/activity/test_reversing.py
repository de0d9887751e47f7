"""Reversals: as far as their activity has room, once each, and those that come too early wait. Wang with account A1, Li with A2."""

import datetime

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import ParkedReversal, ReportedId, Reversal
from activity.recording import record_activities, record_reversals
from activity.reports import ActivityReport, ReversalReport
from activity.waking import wake_arrived, wake_reported
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from tests.factories import FIRST_BUSINESS_DATE, AccountFactory, BankFactory, MemberFactory

pytestmark = pytest.mark.django_db
CORE = Actor.job("intake")
DAY = datetime.timedelta(days=1)
NOON = datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC)


@pytest.fixture(autouse=True)
def wang():
    BankFactory(currency="CNY")
    member = MemberFactory(number="WANG")
    AccountFactory(member=member, number="A1")
    AccountFactory(member=MemberFactory(number="LI"), number="A2")
    return member


def activity(external_id="t1", **changes):
    fields = {"source": "core", "kind": "card_spend", "occurred_at": NOON, "member_number": "WANG", "amount_minor": 100}
    return ActivityReport(external_id=external_id, **fields | changes)


def reversal(external_id="r1", amount_minor=None, **changes):
    fields = {"source": "core", "original_external_id": "t1", "occurred_at": NOON, "member_number": "WANG"}
    return ReversalReport(external_id=external_id, amount_minor=amount_minor, **fields | changes)


def record(*reports):
    return record_reversals(reports, actor=CORE)


def taken():
    """Return what each reversal took: from where in its activity, and how much."""
    rows = Reversal.objects.order_by("reversed_before_minor", "external_id")
    return list(rows.values_list("external_id", "reversed_before_minor", "reversed_minor", "of_minor"))


def parked():
    return dict(ParkedReversal.objects.values_list("external_id", "outcome"))


class TestRoom:
    @pytest.fixture(autouse=True)
    def spent(self):
        record_activities([activity()], actor=CORE)

    def test_a_reversal_is_a_fact_of_its_own(self, wang):
        assert record(reversal(amount_minor=40, original_source="core", currency="CNY", account_number="A1")) == [
            "recorded"
        ]

        stored = Reversal.objects.get()
        assert (stored.member_id, stored.original_external_id, stored.amount_minor) == (wang.pk, "t1", 40)
        assert (stored.currency, stored.occurred_on, stored.booked_on) == ("CNY", *[FIRST_BUSINESS_DATE] * 2)
        assert taken() == [("r1", 0, 40, 100)]

    def test_parts_add_up_to_the_activity_and_no_further(self):
        answers = [record(reversal(f"r{n}", 40)) for n in range(3)] + [
            record(reversal("r3", 20)),
            record(reversal("r4")),
        ]

        assert answers == [["recorded"], ["recorded"], ["over_reversed"], ["recorded"], ["over_reversed"]]
        assert taken() == [("r0", 0, 40, 100), ("r1", 40, 40, 100), ("r3", 80, 20, 100)]

    def test_without_an_amount_it_takes_what_is_left(self):
        assert record(reversal("r1", 30)) + record(reversal("r2")) == ["recorded", "recorded"]

        assert taken() == [("r1", 0, 30, 100), ("r2", 30, 70, 100)]

    def test_in_one_batch_the_room_goes_by_time_then_by_id(self):
        reports = [
            reversal("late", 60, occurred_at=NOON + DAY),
            reversal("b", 50),
            reversal("a", 30),
            reversal("later", 20, occurred_at=NOON + 2 * DAY),
        ]

        assert record(*reports) == ["over_reversed", "recorded", "recorded", "recorded"]
        assert taken() == [("a", 0, 30, 100), ("b", 30, 50, 100), ("later", 80, 20, 100)]

    def test_one_that_was_refused_leaves_its_id_free(self):
        assert record(reversal("r1", 101)) == ["over_reversed"]

        assert not ReportedId.objects.filter(external_id="r1").exists()
        assert record(reversal("r1", 100)) == ["recorded"]

    def test_sent_again_it_is_a_duplicate_and_with_other_content_a_conflict(self):
        record(reversal("r1", 30))

        again = [
            reversal("r1", 30),
            reversal("r1", 31),
            reversal("r1"),
            reversal("r1", 30, original_external_id="t2"),
            reversal("r1", 30, occurred_at=NOON + DAY),
            reversal("r1", 30, member_number="LI"),
        ]

        assert record(*again) == ["duplicate", *["conflict"] * 5]
        assert taken() == [("r1", 0, 30, 100)]

    def test_two_of_a_batch_under_one_id_are_judged_like_two_batches(self):
        assert record(reversal("r1", 30), reversal("r1", 30), reversal("r1", 10)) == [
            "recorded",
            "duplicate",
            "conflict",
        ]

    def test_an_activity_and_a_reversal_never_bear_one_id(self):
        record(reversal("r1", 30))

        assert record(reversal("t1", 30)) == ["conflict"]
        assert record_activities([activity("r1")], actor=CORE) == ["conflict"]

    def test_a_reversal_is_not_reversed(self):
        record(reversal("r1", 30))

        outcomes = record(reversal("r2", 10, original_external_id="r1"))
        in_one_batch = record(reversal("r3", 1), reversal("r4", 1, original_external_id="r3"))
        of_itself = record(reversal("r5", original_external_id="r5"))

        assert (outcomes, in_one_batch, of_itself) == (
            ["reversal_of_reversal"],
            ["recorded", "reversal_of_reversal"],
            ["reversal_of_reversal"],
        )
        assert [external_id for external_id, *_ in taken()] == ["r1", "r3"]

    def test_each_bad_report_is_refused_by_itself(self):
        reports = [
            reversal("ok", 1),
            reversal("a", member_number="NOBODY"),
            reversal("b", account_number="A9"),
            reversal("c", account_number="A2"),
            reversal("d", member_number="LI"),
            reversal("e", currency="USD"),
            reversal("f", currency="yuan"),
            reversal("g", 0),
            reversal("h", -1),
            reversal("i", 10**14 + 1),
            reversal(""),
            reversal("j", original_external_id=""),
            reversal("k", original_source="a/b"),
            reversal("l", occurred_at=NOON.replace(tzinfo=None)),
        ]

        assert record(*reports) == [
            "recorded", "unknown_member", "unknown_account", "unknown_account", "not_his_activity", "currency_differs", "invalid_currency",
            *["invalid_reversal_amount"] * 3, "invalid_external_id", "invalid_original", "invalid_original", "invalid_occurred_at",
        ]  # fmt: skip
        assert Reversal.objects.count() == 1
        assert not ParkedReversal.objects.exists()

    def test_an_activity_without_an_amount_is_reversed_whole_and_once(self):
        record_activities(
            [activity("login", kind="log_in", amount_minor=None), activity("free", amount_minor=0)], actor=CORE
        )

        in_part = record(reversal("r1", 5, original_external_id="login"))
        whole = record(reversal("r2", original_external_id="login"), reversal("r3", original_external_id="free"))
        again = record(reversal("r4", original_external_id="login"))

        assert (in_part, whole, again) == (["over_reversed"], ["recorded", "recorded"], ["over_reversed"])

    def test_it_is_booked_no_earlier_than_its_activity(self):
        later = NOON + 5 * DAY
        record_activities([activity("t2", occurred_at=later)], actor=CORE)

        record(reversal("r1", original_external_id="t2"))

        assert Reversal.objects.get().booked_on == FIRST_BUSINESS_DATE + 5 * DAY

    def test_the_database_refuses_what_the_verb_never_asks(self, wang):
        record(reversal("r1", 30))
        row = {
            "member_id": wang.pk, "source_id": 1, "original_source_id": Reversal.objects.get().source_id, "original_external_id": "t1",
            "currency": "CNY", "occurred_at": NOON, "occurred_on": FIRST_BUSINESS_DATE, "booked_on": FIRST_BUSINESS_DATE,
            "of_minor": 100, "reversed_before_minor": 30, "reversed_minor": 70,
        }  # fmt: skip

        for changed, constraint in [
            ({"reversed_before_minor": 0}, "reversals_of_an_activity_in_order"),
            ({"reversed_minor": 71}, "reversal_within_its_activity"),
            ({"amount_minor": 3}, "reversal_takes_its_amount"),
            ({"booked_on": FIRST_BUSINESS_DATE - DAY}, "reversal_booked_when_it_happened_or_later"),
        ]:
            with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
                Reversal.objects.create(external_id="x", **row | changed)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Reversal.objects.update(reversed_minor=1)

    def test_the_statements_are_as_many_for_one_as_for_five_hundred(self):
        record_activities([activity("big", amount_minor=10_000)], actor=CORE)
        record(reversal("r0", 1))
        with CaptureQueriesContext(connection) as one:
            record(reversal("r1", 1, original_external_id="big"))

        with CaptureQueriesContext(connection) as many:
            outcomes = record(*[reversal(f"n{n}", 1, original_external_id="big") for n in range(500)])

        assert set(outcomes) == {"recorded"}
        assert len(many) == len(one) == 9


class TestParked:
    def test_it_waits_until_its_activity_arrives(self, wang):
        assert record(reversal("r1", 40)) == ["parked"]
        assert record(reversal("r1", 40)) == ["parked"]
        assert (taken(), parked()) == ([], {"r1": "parked"})

        record_activities([activity()], actor=CORE)
        assert wake_reported(actor=CORE) == 1

        assert (taken(), parked()) == ([("r1", 0, 40, 100)], {"r1": "recorded"})
        assert record(reversal("r1", 40)) == ["duplicate"]

    def test_one_that_does_not_fit_when_it_wakes_stays_as_refused_with_its_reason(self):
        record(reversal("r1", 70), reversal("r2", 40), reversal("r3", 1, currency="USD"))
        record(reversal("r4", member_number="LI"))

        record_activities([activity()], actor=CORE)
        wake_reported(actor=CORE)

        refused = {"r2": "over_reversed", "r3": "currency_differs", "r4": "not_his_activity"}
        assert parked() == {"r1": "recorded"} | refused
        assert taken() == [("r1", 0, 70, 100)]
        assert record(reversal("r2", 40)) == ["over_reversed"]
        assert record(reversal("r2", 30)) == ["conflict"]

    def test_one_that_waits_keeps_its_id(self):
        record(reversal("r1", 40))

        assert record(reversal("r1", 41)) == ["conflict"]
        assert record_activities([activity("r1")], actor=CORE) == ["conflict"]
        assert record(reversal("r2", original_external_id="r1")) == ["reversal_of_reversal"]

    def test_other_activities_wake_nothing(self):
        record(reversal("r1", 40))

        record_activities([activity("t2"), activity("t1", source="other")], actor=CORE)

        assert wake_reported(actor=CORE) == 0
        assert parked() == {"r1": "parked"}

    def test_the_night_finds_what_has_missed_its_activity(self, wang):
        record(reversal("r1", 40))
        record(reversal("r3", original_external_id="r2"))
        record(reversal("r2", original_external_id="t9"))
        record_activities([activity()], actor=CORE)
        BusinessDate.objects.update(status="closing")
        BusinessDate.objects.create(date=FIRST_BUSINESS_DATE + DAY)
        night = {"business_date": FIRST_BUSINESS_DATE, "actor": CORE}

        others = wake_arrived(first_member=wang.pk + 1, last_member=wang.pk + 9, **night)
        woken = wake_arrived(first_member=1, last_member=2**63 - 1, **night)

        assert (others, woken) == (0, 1)
        assert parked() == {"r1": "recorded", "r2": "parked", "r3": "reversal_of_reversal"}
        assert Reversal.objects.get().booked_on == FIRST_BUSINESS_DATE

    def test_the_night_leaves_to_the_next_what_was_booked_on_it(self, wang):
        record(reversal("r1", 40))
        record_activities([activity(occurred_at=NOON + DAY)], actor=CORE)

        woken = wake_arrived(business_date=FIRST_BUSINESS_DATE, first_member=1, last_member=2**63 - 1, actor=CORE)

        assert (woken, parked()) == (0, {"r1": "parked"})

    def test_one_statement_where_nothing_waits_and_as_many_for_one_as_for_many(self):
        with CaptureQueriesContext(connection) as nothing:
            wake_arrived(business_date=FIRST_BUSINESS_DATE, first_member=1, last_member=9, actor=CORE)
        record(reversal("one", 1), *[reversal(f"n{n}", 1, original_external_id="t2") for n in range(50)])
        record_activities([activity("t1")], actor=CORE)
        with CaptureQueriesContext(connection) as one:
            assert wake_reported(actor=CORE) == 1
        record_activities([activity("t2")], actor=CORE)
        with CaptureQueriesContext(connection) as many:
            assert wake_reported(actor=CORE) == 50

        assert (len(nothing), len(one), len(many)) == (1, 8, 8)

    def test_runtime_settles_a_parked_reversal_and_changes_nothing_else_of_it(self):
        record(reversal("r1", 40))

        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            ParkedReversal.objects.update(amount_minor=1)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            ParkedReversal.objects.all().delete()


class Undone(Exception):
    """Ends a trial, so that its writes are rolled back."""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 4), min_size=8, max_size=8),
    arrives_after=st.integers(0, 9),
)
def test_whatever_the_batches_no_more_is_reversed_than_there_is(amounts, cuts, arrives_after):
    reports = [reversal(f"r{n}", amount) for n, amount in enumerate(amounts)]
    rest, batches = reports[:], []
    while rest:
        size = cuts[len(batches)]
        batches.append(rest[:size])
        del rest[:size]

    with pytest.raises(Undone), transaction.atomic():
        for place, batch in enumerate([*batches, None]):
            if place == min(arrives_after, len(batches)):
                record_activities([activity()], actor=CORE)
                wake_reported(actor=CORE)
            if batch:
                record(*batch)
        rows = taken()
        ends = [before + part for _id, before, part, _of in rows]
        # They lie end to end from 0, and what was left out would not have fitted.
        assert [before for _id, before, _part, _of in rows] == [0, *ends[:-1]][: len(rows)]
        assert (ends or [0])[-1] <= 100
        left_out = [amount for n, amount in enumerate(amounts) if f"r{n}" not in {row[0] for row in rows}]
        assert all(amount > 100 - (ends or [0])[-1] for amount in left_out)
        raise Undone
