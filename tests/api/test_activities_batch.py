"""Systems report activities: each item its own result, earned on at once, and nothing half-done."""

import pytest
from django.test import Client

from activity.models import Activity
from points.models import Entry, Purse
from tests.api.conftest import bearing, system

URL = "/api/v1/activities:batch"


def spend(external_id: str, amount: str = "128.50", **other: object) -> dict:
    """Return an item: the member spends `amount` yuan by card."""
    return {
        "source": "core",
        "externalId": external_id,
        "member": "M00000001",
        "kind": "card_spend",
        "direction": "debit",
        "amount": {"amount": amount, "currency": "CNY"},
        "occurredAt": "2026-03-02T10:00:00+08:00",
        **other,
    }


def send(client: Client, *items: object):
    return client.post(URL, {"activities": list(items)}, content_type="application/json")


def test_an_activity_earns_at_once(reporter):
    answer = send(reporter, spend("T1"))

    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "results": [
            {
                "index": 0,
                "externalId": "T1",
                "outcome": "recorded",
                "earned": [{"currency": "points", "points": 128}],
                "errors": [],
            }
        ]
    }
    assert Purse.objects.get().available == 128


def test_the_batch_sent_again_gives_the_first_answer_and_no_second_effect(reporter):
    send(reporter, spend("T1"))

    answer = send(reporter, spend("T1"))

    assert answer.json()["results"][0] | {"outcome": "duplicate"} == answer.json()["results"][0]
    assert answer.json()["results"][0]["earned"] == [{"currency": "points", "points": 128}]
    assert Entry.objects.count() == 1


@pytest.mark.parametrize(
    ("item", "pointer", "code"),
    [
        (spend("T2", amount="NaN"), "/activities/1/amount/amount", "invalid"),
        (spend("T2", amount="-1"), "/activities/1/amount/amount", "min_value"),
        (spend("T2", amount="1e400"), "/activities/1/amount/amount", "max_digits"),
        (spend("T2", amount="0x10"), "/activities/1/amount/amount", "invalid"),
        (spend("T2", member="nobody"), "/activities/1/member", "unknown_member"),
        (spend("T2", account="A9"), "/activities/1/account", "unknown_account"),
        (spend("T2", kind=""), "/activities/1/kind", "blank"),
        (spend("T2", kind="a\x00b"), "/activities/1/kind", "null_characters_not_allowed"),
        (spend("T2", direction="sideways"), "/activities/1/direction", "invalid_choice"),
        (spend("T2", occurredAt="yesterday"), "/activities/1/occurredAt", "invalid"),
        ("no object", "/activities/1", "invalid"),
    ],
)
def test_a_bad_item_is_refused_with_its_place_and_spoils_no_other(reporter, item, pointer, code):
    answer = send(reporter, spend("T1"), item, spend("T3"))

    results = answer.json()["results"]
    assert [result["outcome"] for result in results] == ["recorded", "refused", "recorded"]
    assert [(error["pointer"], error["code"]) for error in results[1]["errors"]] == [(pointer, code)]
    assert Activity.objects.count() == 2


def test_other_content_under_the_same_key_is_a_conflict(reporter):
    send(reporter, spend("T1"))

    answer = send(reporter, spend("T1", amount="99.00"))

    assert answer.json()["results"][0]["errors"][0]["code"] == "conflict"
    assert Purse.objects.get().available == 128


@pytest.mark.parametrize("body", ["[]", "{}", '{"activities": []}', '{"activities": {}}', '"x"'])
def test_a_malformed_envelope_is_refused_whole(reporter, body):
    answer = reporter.post(URL, body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        400,
        "application/problem+json",
        "batch_malformed",
    )


def test_unreadable_json_is_a_problem(reporter):
    answer = reporter.post(URL, "{", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_more_than_500_items_are_refused_whole(reporter):
    answer = send(reporter, *[spend(f"T{number}") for number in range(501)])

    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    assert not Activity.objects.exists()


def test_500_items_take_as_many_statements_as_one(reporter, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as one:
        send(reporter, spend("T-one"))
    with django_assert_max_num_queries(40) as many:
        send(reporter, *[spend(f"T{number}") for number in range(500)])

    assert len(many) <= len(one)


@pytest.mark.parametrize("scopes", [[], ["members:read"]])
def test_a_token_without_the_scope_reports_nothing(bank, scopes):
    answer = send(bearing(system(*scopes)), spend("T1"))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not Activity.objects.exists()


def test_nobody_reports_nothing(bank):
    answer = send(Client(), spend("T1"))

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
