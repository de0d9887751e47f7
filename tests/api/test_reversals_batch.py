"""Systems report reversals: each item its own result, points taken back at once, and nothing half-done."""

import pytest
from django.test import Client

from activity.models import ParkedReversal, Reversal
from points.models import Entry, Purse
from tests.api.conftest import bearing, system
from tests.api.test_activities_batch import send as send_activities
from tests.api.test_activities_batch import spend

URL = "/api/v1/reversals:batch"


def refund(external_id: str, amount: str | None = "40.00", *, of: str = "T1", **other: object) -> dict:
    """Return an item: `amount` yuan of the payment `of` are given back; without an amount all that is left."""
    money = {"amount": {"amount": amount, "currency": "CNY"}} if amount else {}
    return {
        "source": "core",
        "externalId": external_id,
        "member": "M00000001",
        "reverses": {"externalId": of},
        "occurredAt": "2026-03-02T11:00:00+08:00",
        **money,
        **other,
    }


def send(client: Client, *items: object):
    return client.post(URL, {"reversals": list(items)}, content_type="application/json")


@pytest.fixture
def spent(reporter) -> Client:
    """The system, after it has reported a payment of ¥128.50, which earned 128 points."""
    send_activities(reporter, spend("T1"))
    return reporter


def test_a_refund_takes_points_back_at_once(spent):
    answer = send(spent, refund("R1"))

    assert answer.status_code == 200, answer.content
    assert answer.json()["results"] == [
        {
            "index": 0,
            "externalId": "R1",
            "outcome": "recorded",
            "taken": [{"currency": "points", "points": 39}],
            "notTaken": [],
            "errors": [],
        }
    ]
    assert Purse.objects.get().available == 89


def test_the_batch_sent_again_gives_the_first_answer_and_no_second_effect(spent):
    first = send(spent, refund("R1"), refund("R2", None)).json()["results"]

    again = send(spent, refund("R1"), refund("R2", None)).json()["results"]

    assert [result["outcome"] for result in again] == ["duplicate"] * 2
    assert [result["taken"] for result in again] == [result["taken"] for result in first]
    assert list(Entry.objects.order_by("number").values_list("points", flat=True)) == [128, -39, -89]


def test_one_that_comes_before_its_activity_is_parked_until_it_comes(reporter):
    [parked] = send(reporter, refund("R1")).json()["results"]
    send_activities(reporter, spend("T1"))

    [again] = send(reporter, refund("R1")).json()["results"]

    assert (parked["outcome"], parked["taken"], parked["errors"]) == ("parked", [], [])
    assert (again["outcome"], again["taken"]) == ("duplicate", [{"currency": "points", "points": 39}])
    assert ParkedReversal.objects.get().outcome == "recorded"


@pytest.mark.parametrize(
    ("item", "pointer", "code"),
    [
        (refund("R2", "128.51"), "/reversals/1/amount", "over_reversed"),
        (refund("R2", of="R1"), "/reversals/1/reverses/externalId", "reversal_of_reversal"),
        (refund("R2", member="nobody"), "/reversals/1/member", "unknown_member"),
        (refund("R2", account="A9"), "/reversals/1/account", "unknown_account"),
        (
            refund("R2", reverses={"externalId": "T1", "source": "a/b"}),
            "/reversals/1/reverses/externalId",
            "invalid_original",
        ),
        (refund("R2") | {"amount": {"amount": "1", "currency": "USD"}}, "/reversals/1/currency", "currency_differs"),
        (refund("R2", "0"), "/reversals/1/amount/amount", "min_value"),
        (refund("R2", "-1"), "/reversals/1/amount/amount", "min_value"),
        (refund("R2", "NaN"), "/reversals/1/amount/amount", "invalid"),
        (refund("R2", "1e400"), "/reversals/1/amount/amount", "max_digits"),
        (refund("R2", reverses=None), "/reversals/1/reverses", "null"),
        (refund("R2", of="a\x00b"), "/reversals/1/reverses/externalId", "null_characters_not_allowed"),
        (refund("R2", occurredAt="2026-03-02"), "/reversals/1/occurredAt", "invalid_occurred_at"),
        (refund("T1"), "/reversals/1/", "conflict"),
        ("no object", "/reversals/1", "invalid"),
    ],
)
def test_a_bad_item_is_refused_with_its_place_and_spoils_no_other(spent, item, pointer, code):
    answer = send(spent, refund("R1", "1.00"), item, refund("R3", "1.00"))

    results = answer.json()["results"]
    assert [result["outcome"] for result in results] == ["recorded", "refused", "recorded"]
    assert [(error["pointer"], error["code"]) for error in results[1]["errors"]] == [(pointer, code)]
    assert Reversal.objects.count() == 2


@pytest.mark.parametrize("body", ["[]", "{}", '{"reversals": []}', '{"activities": [{}]}', '"x"'])
def test_a_malformed_envelope_is_refused_whole(reporter, body):
    answer = reporter.post(URL, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "batch_malformed")


def test_more_than_500_items_are_refused_whole(spent):
    answer = send(spent, *[refund(f"R{number}", "0.01") for number in range(501)])

    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    assert not Reversal.objects.exists()


def test_500_items_take_as_many_statements_as_one(spent, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as one:
        send(spent, refund("R-one", "2.00"))
    with django_assert_max_num_queries(40) as many:
        send(spent, *[refund(f"R{number}", "0.20") for number in range(500)])

    assert len(many) <= len(one)


def test_a_token_without_the_scope_and_nobody_at_all_reverse_nothing(spent):
    answers = [send(bearing(system("members:read")), refund("R1")), send(Client(), refund("R1"))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "forbidden"),
        (401, "not_authenticated"),
    ]
    assert not Reversal.objects.exists()
