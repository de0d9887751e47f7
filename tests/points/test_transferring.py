"""Transfers: a debit and an obligation, then the credits lot by lot, or back to the giver; proved while in flight and after."""

import datetime
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox import relaying
from foundation.outbox.models import Obligation
from points import ledger, proving, transferring
from points.models import Entry, Kind, Lot, Purse
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
    MONDAY,
    TUESDAY,
    asked,
    books_ok,
    finish_closing,
    open_bank,
    post,
    purse_of,
    start_closing,
)

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)


def give(giver, taker, currency, points, **more):
    """Transfer on MONDAY under a new key."""
    details = {"key": uuid.uuid4(), "reference": "gift", "occurred_on": MONDAY} | more
    with transaction.atomic():
        return transferring.transfer(
            from_member_id=giver.pk,
            to_member_id=taker.pk,
            currency_id=currency.pk,
            points=points,
            at=AT,
            actor=CLERK,
            **details,
        )


def relay():
    return relaying.relay(at=clock.now(), actor=CLERK)


def in_flight():
    result = proving.prove(as_of=datetime.date(2026, 3, 1))["transfers_in_flight"]
    return {name: result[name] for name in ("violations", "checked", "in_flight", "points_in_flight")}


def close_membership(member):
    member.status, member.closed_on = "closed", MONDAY
    member.save()


def lots_of(member):
    lots = Lot.objects.filter(member_id=member.pk).order_by("expires_on", "number")
    return list(lots.values_list("expires_on", "points", "remaining"))


@pytest.fixture
def pair():
    """Wang, with 30 points until the end of March, 50 until the end of April and 20 for ever; Li, with nothing."""
    wang, points = open_bank()
    li = MemberFactory(branch=wang.branch)
    post(*(asked(wang, points, n, expires_on=day) for n, day in ((50, APRIL_END), (30, MARCH_END), (20, None))))
    return wang, li, points


def test_a_transfer_is_in_flight_until_the_relay_has_credited_it(pair):
    wang, li, points = pair

    answer = give(wang, li, points, 90)

    assert (answer.outcome, answer.balance_after) == ("posted", 10)
    assert purse_of(wang, points) == {"available": 10, "credited": 100, "debited": 90, "entries": 4}
    assert not Purse.objects.filter(member_id=li.pk).exists()
    assert in_flight() == {"violations": 0, "checked": 1, "in_flight": 1, "points_in_flight": 90}

    assert relay() == {"done": 1, "failed": 0}

    assert purse_of(li, points) == {"available": 90, "credited": 90, "entries": 3}
    assert lots_of(li) == [(MARCH_END, 30, 30), (APRIL_END, 50, 50), (ledger.NEVER, 10, 10)]
    assert in_flight() == {"violations": 0, "checked": 4, "in_flight": 0, "points_in_flight": 0}
    assert books_ok()


def test_each_side_names_the_other_and_the_lot(pair):
    wang, li, points = pair
    key = uuid.uuid4()

    answer = give(wang, li, points, 30, key=key)
    relay()

    debit = Entry.objects.get(member_id=wang.pk, number=answer.number)
    credit = Entry.objects.get(member_id=li.pk)
    assert (debit.kind, debit.figures) == (Kind.TRANSFER, {"to_member": li.pk, "reference": "gift"})
    assert (credit.kind, credit.cause, credit.occurred_on) == (Kind.TRANSFER, f"transfer/{key}", MONDAY)
    assert credit.figures == {"from_member": wang.pk, "debit": 4, "lot": 2}
    event = AuditEvent.objects.get(verb="points.transfer")
    assert (event.subject_id, event.new["points"], event.new["entry"]) == (f"{wang.pk}", 30, 4)


def test_the_same_key_again_answers_as_the_first(pair):
    wang, li, points = pair
    key = uuid.uuid4()
    first = give(wang, li, points, 30, key=key)
    relay()

    again = give(wang, li, points, 30, key=key)

    assert (again.outcome, again.number, again.balance_after) == ("duplicate", first.number, first.balance_after)
    assert relay() == {"done": 0, "failed": 0}
    assert Obligation.objects.count() == AuditEvent.objects.filter(verb="points.transfer").count() == 1
    assert purse_of(li, points) == {"available": 30, "credited": 30, "entries": 1}


def test_one_key_in_two_currencies_is_two_transfers(pair):
    wang, li, points = pair
    miles = PointCurrencyFactory(code="miles")
    post(asked(wang, miles, 40))
    key = uuid.uuid4()

    for currency in (points, miles):
        assert give(wang, li, currency, 15, key=key).outcome == "posted"
    assert relay() == {"done": 2, "failed": 0}

    assert purse_of(li, points) == purse_of(li, miles) == {"available": 15, "credited": 15, "entries": 1}
    assert in_flight()["in_flight"] == 0
    assert books_ok()


def test_credits_relayed_twice_are_booked_once(pair):
    """C03: a message delivered again, or a relay that dies after its work, changes nothing."""
    wang, li, points = pair
    give(wang, li, points, 60)
    relay()

    transferring.credit(list(Obligation.objects.all()), at=AT, actor=CLERK)

    assert purse_of(li, points) == {"available": 60, "credited": 60, "entries": 2}
    assert books_ok()


def test_what_the_other_can_t_take_any_more_comes_back_with_its_expiry(pair):
    wang, li, points = pair
    give(wang, li, points, 60)
    close_membership(li)

    assert relay() == {"done": 2, "failed": 0}

    assert purse_of(wang, points) == {"available": 100, "credited": 160, "debited": 60, "entries": 6}
    back = Entry.objects.filter(member_id=wang.pk, number__gt=4).order_by("number")
    assert [entry.cause.partition("/returned/")[2] for entry in back] == ["unknown_recipient"] * 2
    assert [(day, left) for day, _points, left in lots_of(wang) if left] == [
        (MARCH_END, 30),
        (APRIL_END, 20),
        (APRIL_END, 30),
        (ledger.NEVER, 20),
    ]
    assert not Entry.objects.filter(member_id=li.pk).exists()
    assert in_flight()["in_flight"] == 0
    assert books_ok()


def test_where_both_are_gone_it_stays_in_flight_and_somebody_hears_of_it(pair):
    wang, li, points = pair
    give(wang, li, points, 60)
    close_membership(li)
    close_membership(wang)

    assert relay() == {"done": 1, "failed": 1}

    assert Obligation.objects.waiting().get().last_error.startswith("NotCredited: ")
    assert in_flight() == {"violations": 0, "checked": 1, "in_flight": 1, "points_in_flight": 60}


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"points": 101}, transferring.InsufficientPoints),
        ({"points": 0}, transferring.NothingToTransfer),
        ({"points": -5}, transferring.NothingToTransfer),
        ({"points": 10**12 + 1}, transferring.InsufficientPoints),
        ({"points": 2**63}, ledger.PointsOutOfRange),
        ({"taker": "wang"}, transferring.SameMember),
        ({"taker": "nobody"}, transferring.UnknownRecipient),
        ({"taker": "closed"}, transferring.UnknownRecipient),
        ({"currency": "growth"}, transferring.NotTransferable),
        ({"currency": "none"}, transferring.NotTransferable),
    ],
)
def test_a_refused_transfer_leaves_nothing_behind(pair, more, refusal):
    wang, li, points = pair
    closed = MemberFactory(branch=wang.branch)
    close_membership(closed)
    takers = {"li": li, "wang": wang, "closed": closed, "nobody": MemberFactory.build(pk=4711)}
    currencies = {
        "points": points,
        "growth": PointCurrencyFactory(growth=True),
        "none": PointCurrencyFactory.build(pk=99),
    }

    with pytest.raises(refusal):
        give(
            wang,
            takers[more.get("taker", "li")],
            currencies[more.get("currency", "points")],
            more.get("points", 10),
        )

    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 3}
    assert not Obligation.objects.exists()
    assert not AuditEvent.objects.filter(verb="points.transfer").exists()


def test_an_unknown_and_a_closed_recipient_can_t_be_told_apart():
    assert transferring.UnknownRecipient().sentence == "There is no member who could take these points."


def test_a_key_with_other_content_is_refused(pair):
    wang, li, points = pair
    key = uuid.uuid4()
    give(wang, li, points, 30, key=key)

    with pytest.raises(transferring.KeyUsedOtherwise):
        give(wang, li, points, 31, key=key)
    with pytest.raises(transferring.KeyUsedOtherwise):
        give(wang, MemberFactory(), points, 30, key=key)

    assert purse_of(wang, points) == {"available": 70, "credited": 100, "debited": 30, "entries": 4}


def test_a_day_s_transfers_stay_within_the_currency_s_limit(pair):
    wang, li, points = pair
    points.transfers_per_day = 50
    points.save()
    give(wang, li, points, 30)

    with pytest.raises(transferring.OverDailyLimit, match="At most 50 points"):
        give(wang, li, points, 21)
    give(wang, li, points, 20)
    give(wang, li, points, 50, occurred_on=TUESDAY)

    assert purse_of(wang, points) == {"credited": 100, "debited": 100, "entries": 6}


def test_a_thousand_transfers_are_credited_in_as_many_statements_as_one(pair):
    wang, li, points = pair
    give(wang, li, points, 1)
    with CaptureQueriesContext(connection) as one:
        relay()
    takers = MemberFactory.create_batch(40, branch=wang.branch)
    for taker in takers:
        give(wang, taker, points, 2)
    with CaptureQueriesContext(connection) as many:
        assert relay() == {"done": 40, "failed": 0}

    assert len(one) == len(many)
    assert Purse.objects.filter(member_id__in=[taker.pk for taker in takers], available=2).count() == 40


def test_a_lot_that_lapses_on_the_way_arrives_and_lapses(pair):
    wang, li, points = pair
    post(asked(wang, points, 5, expires_on=MONDAY))
    give(wang, li, points, 5)
    start_closing()
    finish_closing()

    assert relay() == {"done": 1, "failed": 0}

    assert purse_of(li, points) == {"credited": 5, "expired": 5, "entries": 2}
    assert list(Entry.objects.filter(member_id=li.pk).order_by("number").values_list("kind", "booked_on")) == [
        (Kind.TRANSFER, TUESDAY),
        (Kind.EXPIRE, TUESDAY),
    ]
    assert books_ok(as_of=MONDAY)


def test_the_taker_s_credit_first_pays_what_he_owes(pair):
    wang, li, points = pair
    post(asked(li, points, -40, kind=Kind.CLAWBACK))
    give(wang, li, points, 60)

    relay()

    assert purse_of(li, points) == {"available": 20, "credited": 60, "debited": 40, "entries": 3}
    assert books_ok()


def test_a_transfer_s_credit_without_its_debit_is_found(pair):
    wang, _li, points = pair
    post(
        asked(wang, points, 5, kind=Kind.TRANSFER),
        asked(wang, points, 6, kind=Kind.TRANSFER, figures={"from_member": 1}),
    )

    assert in_flight()["violations"] == 2
