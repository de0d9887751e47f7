"""What the API answers to requests made at random out of its own description, good and bad, from every role, app and system.

A few at each operation in every run of the tests. `FUZZ=10000 make test ARGS='-n 0 tests/api/test_fuzzing.py'` sends so many,
and says how they were answered. The seed is printed and taken from FUZZ_SEED.
"""

import collections
import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from membership_site.wsgi import application
from tests.access.conftest import PEOPLE, SCOPES, Estate, at_the_door, estate, house  # noqa: F401  (its fixtures)
from tests.access.doors import the_app

REQUESTS = int(os.environ.get("FUZZ", "0"))
SEED = int(os.environ.get("FUZZ_SEED") or random.randrange(2**32))
WHO = (*PEOPLE, *SCOPES, "app")
# In a common run not everybody asks everything: those whose rights differ most do.
FEW = ("stranger", "member", "branch_manager", "programme_manager", "redemptions:write", "app")
CSRF = "a" * 32
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


@pytest.fixture
def description(tmp_path, db) -> schemathesis.schemas.BaseSchema:
    """The API's description, asked of the site in this process."""
    path = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(path))
    made = schemathesis.openapi.from_path(path)
    made.app = application
    return made


@contextlib.contextmanager
def in_this_transaction() -> Iterator[None]:
    """Let requests run on the test's own connection, as Django's client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def known(estate: Estate, name: str, path: str) -> Any:  # noqa: F811
    """Return something that is there, for a parameter of an address; None for one that nothing is known of here."""
    near = estate.near
    ids = {
        "member_id": f"mem_{near.member.pk}",
        "redemption_id": f"rdm_{near.redemption.pk.hex}",
        "enrolment_id": f"enr_{near.enrolment.pk.hex}",
        "code_id": f"cod_{near.code.pk.hex}",
        "rehearsal_id": f"reh_{estate.rehearsal.pk}",
        "draft_id": f"drf_{estate.draft.pk}",
        "app_id": f"app_{the_app()}",
        "code": "not_found" if "problems" in path else "points",
        "number": 1,
        "month": "2026-03",
        "form": "csv",
    }
    return ids.get(name)


def requests_of(operation: Any, mode: GenerationMode, count: int, send: Any) -> None:
    """Send `count` requests of a kind to one operation; a failure stops at once, unshrunk."""

    @seed(SEED)
    @hypothesis_settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case: Any) -> None:
        send(case)

    # An operation that takes nothing has nothing to be wrong.
    with contextlib.suppress(Unsatisfiable):
        sent()


@pytest.mark.parametrize("who", WHO if REQUESTS else FEW)
def test_no_request_is_a_failure_of_ours(estate, description, settings, who, capsys):  # noqa: F811
    settings.API_REQUESTS_PER_MINUTE = 10**9
    dice, answers = random.Random(SEED), collections.Counter()
    client = at_the_door(estate, who)
    # As the portal's own pages do: a session changes nothing without its form's secret.
    headers = {"X-CSRFToken": CSRF, "Authorization": client.defaults.get("HTTP_AUTHORIZATION", "")}
    headers = {name: value for name, value in headers.items() if value}
    cookies = {name: morsel.value for name, morsel in client.cookies.items()} | {"csrftoken": CSRF}
    operations = [found.ok() for found in description.get_all_operations()]
    count = max(1, round(REQUESTS / len(WHO) / len(operations) / 2))

    def send(case: Any) -> None:
        for name in case.path_parameters or {}:
            # Something that is there, mostly: what is not is answered 404 before anything is read.
            if dice.random() < 0.8 and (there := known(estate, name, operation.path)):
                case.path_parameters[name] = there
        before = transaction.savepoint()
        answer = case.call(headers=headers, cookies=cookies)
        case.validate_response(answer, checks=CHECKS)
        answers[answer.status_code] += 1
        if answer.status_code >= 400:
            kind = answer.headers["content-type"][0]
            assert kind == "application/problem+json", (case.method, operation.path, answer.status_code, kind)
        transaction.savepoint_rollback(before)

    with in_this_transaction():
        for operation in operations:
            for mode in GenerationMode:
                requests_of(operation, mode, count, send)

    assert sum(answers.values()) > 0
    if REQUESTS:
        with capsys.disabled():
            print(
                f"\n{who or 'no scope'}: {sum(answers.values())} requests, seed {SEED}, {dict(sorted(answers.items()))}"
            )
