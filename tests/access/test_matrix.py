"""Role × operation: what each person and system gets at each address of the site is what docs/matrix.csv says (F13).

The rows are generated from the URLs (the console's registry among them) and the API's description; a new address without a
row fails. `MATRIX=write` writes the table anew, for a person to read the difference before he commits it.
"""

import csv
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from tests.access.conftest import PEOPLE, SCOPES, Estate, at_the_door
from tests.access.doors import PARAMETER, Door, address, doors, operations

TABLE = Path(settings.BASE_DIR) / "docs" / "matrix.csv"
WHO = (*PEOPLE, *(scope or "no scope" for scope in SCOPES), "app")
WRITES = os.environ.get("MATRIX") == "write"


def read() -> dict[Door, dict[str, str]]:
    """Return the table: what each gets, by method and address."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {(row.pop("method"), row.pop("address")): row for row in csv.DictReader(file)}


def write(rows: dict[Door, dict[str, str]]) -> None:
    """Write the table with the rows that are there, in the order of the URLs."""
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["method", "address", *WHO], lineterminator="\n")
        table.writeheader()
        table.writerows({"method": door[0], "address": door[1], **rows[door]} for door in doors())


def told(answer) -> str:
    """Return an answer as the table has it: its status, or `sign in` for the way to the sign-in page."""
    target = answer.headers.get("Location", "")
    return "sign in" if answer.status_code == 302 and "/login/" in target else str(answer.status_code)


def knock(client: Client, door: Door, at: str):
    """Send a request with nothing in it, and undo what it did."""
    method, route = door
    before, cookies = transaction.savepoint(), client.cookies.copy()
    form = {} if route.startswith("api/") or method == "GET" else {"content_type": "application/x-www-form-urlencoded"}
    kind = {"content_type": "application/json"} if route.startswith("api/") and method != "GET" else form
    data = "{}" if "json" in kind.get("content_type", "") else ""
    answer = client.generic(method, at, data, headers={"idempotency-key": "key-of-the-matrix"}, **kind)
    if answer.streaming:
        b"".join(answer.streaming_content)
    transaction.savepoint_rollback(before)
    client.cookies = cookies
    return answer


def test_every_address_has_a_row_and_every_row_an_address():
    assert set(read()) == set(doors())


def test_what_the_api_describes_is_what_it_has():
    found = {(method, "/" + PARAMETER.sub("{}", route)) for method, route in doors() if route.startswith("api/v1/")}
    undescribed = {("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/docs")}

    # The root stands at /api/v1, too.
    assert found - operations() == undescribed
    assert operations() - found == set()


@pytest.mark.parametrize("who", WHO)
def test_everybody_gets_what_the_table_says(estate: Estate, who: str) -> None:
    scope = "" if who == "no scope" else who
    client, table = at_the_door(estate, scope), read()
    of_api = who not in PEOPLE

    found = {
        door: told(knock(client, door, address(door[1], estate, estate.near)))
        for door in doors()
        if not of_api or door[1].startswith("api/")
    }

    if WRITES:
        rows = {door: dict.fromkeys(WHO, "") | table.get(door, {}) for door in doors()}
        for door, answer in found.items():
            rows[door][who] = answer
        write(rows)
    else:
        assert found == {door: row[who] for door, row in table.items() if row[who]}
