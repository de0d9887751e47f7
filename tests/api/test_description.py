"""The API describes itself, and every answer carries what it should."""

import datetime
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from foundation.jobs import beating, clock
from tests.api.conftest import system, token


def test_the_description_is_valid_openapi_31_without_a_warning():
    text = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=text)

    description = json.loads(text.getvalue())
    assert description["openapi"].startswith("3.1")
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    assert all(operation["summary"] and operation["description"] and operation["tags"] for operation in operations)


def test_the_root_answers_with_and_without_a_slash(db):
    assert Client().get("/api/v1").json() == Client().get("/api/v1/").json()


def test_a_request_id_is_echoed_where_it_is_plain_and_made_where_it_is_not(db):
    assert Client().get("/api/v1/", headers={"x-request-id": "abc-12345"})["X-Request-ID"] == "abc-12345"
    assert "\n" not in Client().get("/api/v1/", headers={"x-request-id": "a b;c"})["X-Request-ID"]


def test_private_answers_are_stored_nowhere_and_tell_the_rate_limit(reader):
    answer = reader.get("/api/v1/members")

    assert answer["Cache-Control"] == "no-store"
    assert answer["RateLimit-Policy"] == '"minute";q=600;w=60'
    assert answer["RateLimit"].startswith('"minute";r=')


def test_too_many_requests_are_refused_until_the_minute_ends(reader, settings):
    settings.API_REQUESTS_PER_MINUTE = 2

    answers = [reader.get("/api/v1/members") for _ in range(5)]

    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 0 < int(answers[-1]["Retry-After"]) <= 60


def test_an_address_that_leads_nowhere_is_a_problem_for_every_method(db):
    for method in ("get", "post", "delete"):
        answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_problems_type_leads_to_its_sentence(db):
    assert Client().get("/api/v1/problems/cursor_unreadable").json()["title"] == "This cursor is not one that we gave."
    assert Client().get("/api/v1/problems/no_such_code").status_code == 404


def test_a_client_gets_no_scope_that_it_was_not_given(db):
    answer = token(system("members:read"), scope="activities:write")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_probes_and_metrics_answer(db):
    assert Client().get("/healthz").json() == {"status": "ok"}
    checks = {"database": "ok", "migrations": "ok", "broker": "ok", "beat": "never"}
    assert Client().get("/readyz").json() == {"status": "degraded", "checks": checks}


@pytest.mark.parametrize(("minutes", "word", "status"), [(0, "ok", "ok"), (4, "ok", "ok"), (6, "late", "degraded")])
def test_a_late_heartbeat_degrades_the_site_and_leaves_it_ready(db, minutes, word, status):
    beating.beat(at=clock.now() - datetime.timedelta(minutes=minutes))

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["checks"]["beat"]) == (200, status, word)
    assert b"http_request_duration_seconds" in Client().get("/metrics").content


def test_metrics_ask_for_their_token(db, settings):
    settings.METRICS_TOKEN = "the-token"

    assert Client().get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"authorization": "Bearer the-token"}).status_code == 200
