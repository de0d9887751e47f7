"""A request that moves value is answered once, however often it comes (reliability.md B01 to B10)."""

import datetime

import pytest
from django.test import Client

from foundation.idempotency import purging
from foundation.idempotency.answering import KEPT
from foundation.idempotency.models import KeptAnswer
from foundation.jobs import clock
from members.models import Member
from points.models import Entry, Purse, Redemption
from tests.api.conftest import bearing, cancel, earn, redeem, system
from tests.factories import MemberFactory, UserFactory


def available() -> int:
    return Purse.objects.get(member_id=Member.objects.get(number="M00000001").pk).available


def test_the_same_again_gives_the_first_answer_and_has_no_second_effect(partner):
    """B01, B06: the caller can't tell whether he lost the answer."""
    first = redeem(partner)

    again = redeem(partner)

    assert (first.status_code, "Idempotency-Replayed" in first) == (201, False)
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.content == first.content
    assert (again["Content-Type"], again["Cache-Control"]) == ("application/json", "no-store")
    assert (available(), Redemption.objects.count()) == (20, 1)


def test_the_first_answer_stays_though_things_have_changed(partner):
    first = redeem(partner)
    cancel(partner, first.json()["id"], key="key-2")

    again = redeem(partner)

    assert again.json()["state"] == "done"
    assert partner.get(f"/api/v1/redemptions/{first.json()['id']}").json()["state"] == "cancelled"
    assert available() == 100


@pytest.mark.parametrize(
    "other", [{"points": 79}, {"purpose": "tea"}, {"currency": "points"}, {"reference": "order-2"}]
)
def test_the_same_key_with_another_body_is_refused(partner, other):
    """B02."""
    redeem(partner)

    answer = redeem(partner, **{"points": 80, **other})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer["Content-Type"] == "application/problem+json"
    assert available() == 20


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_malformed"),
        ("a b", "idempotency_key_malformed"),
        ("a" * 101, "idempotency_key_malformed"),
        ("积分", "idempotency_key_malformed"),
        ('"', "idempotency_key_malformed"),
        ("a\x00b", "idempotency_key_malformed"),
    ],
)
def test_without_a_key_that_can_be_read_nothing_moves(partner, key, code):
    """B04."""
    answer = redeem(partner, key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert available() == 100


def test_a_key_may_stand_in_the_quotes_of_a_structured_field(partner):
    redeem(partner, key='"8e03978e-40d5-43dd-bc93-6894a57f9324"')

    again = redeem(partner, key="8e03978e-40d5-43dd-bc93-6894a57f9324")

    assert again["Idempotency-Replayed"] == "true"


def test_another_client_another_member_and_another_route_have_keys_of_their_own(partner):
    """B05: nobody reads the answer to somebody else."""
    li = MemberFactory(number="M-LI")
    earn(li, 100)
    wang = Member.objects.get(number="M00000001")
    wang.user = UserFactory()
    wang.save(update_fields=["user"])
    himself = Client()
    himself.force_login(wang.user)

    answers = [
        redeem(partner, 10),
        redeem(bearing(system("redemptions:write")), 10),
        redeem(partner, 10, member="M-LI"),
        redeem(himself, 10, member=None),
    ]
    cancelled = cancel(partner, answers[0].json()["id"])

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 4
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert KeptAnswer.objects.count() == 5


def test_the_same_key_cancels_one_redemption_and_no_other(partner):
    first, second = redeem(partner, 10, key="1").json()["id"], redeem(partner, 10, key="2").json()["id"]
    cancel(partner, first, key="key")

    answer = cancel(partner, second, key="key")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert available() == 90


def test_a_refusal_keeps_nothing_and_its_key_is_free(partner):
    """What failed may be sent again under its key, when it can succeed."""
    refused = redeem(partner, 101)
    earn(Member.objects.get(number="M00000001"), 1)

    again = redeem(partner, 101)

    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_points")
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again


def test_after_three_days_the_reference_still_knows_what_was_done(partner):
    """B09: the key is forgotten, purged or not, and the ledger is not."""
    first = redeem(partner).json()
    old = clock.now() - KEPT
    KeptAnswer.objects.update(answered_at=old)

    unpurged = redeem(partner)
    KeptAnswer.objects.update(answered_at=old)
    purged = purging.purge(at=clock.now())
    later = redeem(partner)
    other = redeem(partner, 79, key="key-1")

    assert purged == 1
    assert [(answer.status_code, answer.json()) for answer in (unpurged, later)] == [(200, first)] * 2
    assert "Idempotency-Replayed" not in later
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (available(), Entry.objects.filter(points=-80).count()) == (20, 1)


def test_purging_takes_what_is_too_old_and_nothing_younger(partner, django_assert_num_queries):
    for key in ("1", "2", "3"):
        redeem(partner, 1, key=key)
    now = clock.now()
    KeptAnswer.objects.filter(key="1").update(answered_at=now - KEPT)
    KeptAnswer.objects.filter(key="2").update(answered_at=now - KEPT + datetime.timedelta(seconds=1))

    with django_assert_num_queries(1):
        assert purging.purge(at=now) == 1

    assert set(KeptAnswer.objects.values_list("key", flat=True)) == {"2", "3"}


@pytest.mark.parametrize(
    "body",
    [
        '{"member": "M00000001", "points": 80, "purpose": "茶"}',
        '{"purpose": "\\u8336",   "points": 80.0, "member": "M00000001"}',
        '{"points": 8e1, "purpose": "茶", "member": " M00000001 ", "currency": "points", "unknown": 1}',
    ],
)
def test_the_fingerprint_is_of_what_was_understood(partner, body):
    """B10: the order of fields, blanks, escapes, `80.0` for 80 and fields that nobody reads make no other request."""
    headers = {"idempotency-key": "key-1"}
    currency = {"currency": "points"} if "currency" in body else {}
    first = redeem(partner, purpose="茶", **currency)

    again = partner.post("/api/v1/redemptions", body, content_type="application/json", headers=headers)

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again["Idempotency-Replayed"] == "true"


def test_the_key_costs_three_statements(partner, django_assert_num_queries):
    """Beside those of the token, the clock, the member, the currency, the transaction, the ledger and the redemption."""
    redeem(partner, 1, key="warm")

    with django_assert_num_queries(11):
        assert redeem(partner, 1, key="counted").status_code == 201


def test_only_what_did_something_is_kept(db):
    with pytest.raises(Exception, match="only_answers_that_did_something_are_kept"):
        KeptAnswer.objects.create(
            caller="x", member_id=1, route="x", key="x", fingerprint="x", status=404, body="", answered_at=clock.now()
        )
