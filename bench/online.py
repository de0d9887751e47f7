"""Earning on line: `ledger.post` of one item, commit included, beside pgbench -N with the same clients; and over HTTP."""

import datetime
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
import uuid
from typing import Any

from django.conf import settings

from bench import databases, measuring
from foundation.actors import Actor
from foundation.transactions import commit
from points import ledger
from points.models import Kind

CLIENTS = (1, 4, 8)
MEMBERS = 100_000  # as many as pgbench has accounts at scale 1
EXPIRES_ON = datetime.date(2027, 3, 31)


def measure(*, rounds: int, lasting: float, seed: int) -> dict[str, Any]:
    """Return, by number of clients, posts a second, pgbench's transactions a second, and their ratio; requests a second beside."""
    answer: dict[str, Any] = {}
    with databases.fresh("bench_pgbench", migrated=False) as plain, databases.fresh("bench_online"):
        databases.pgbench(plain, "-i", "-q", "-s", "1")
        reward, _ = databases.make_members(MEMBERS)

        def posts(client: int, until: float) -> int:
            dice, done = random.Random(seed * 100 + client), 0
            while time.monotonic() < until:
                commit(ledger.post, batch=[_earn(dice.randint(1, MEMBERS), reward)], actor=Actor.job("bench"))
                done += 1
            return done

        for clients in CLIENTS:
            figures = measuring.interleave(
                {
                    "post": lambda clients=clients: measuring.per_second(posts, clients=clients, lasting=lasting),
                    "pgbench -N": lambda clients=clients: databases.pgbench(
                        plain,
                        "-N",
                        "-n",
                        "-M",
                        "prepared",
                        "-c",
                        str(clients),
                        "-j",
                        str(min(clients, 2)),
                        "-T",
                        str(int(lasting)),
                    ),
                },
                rounds=rounds,
            )
            answer[str(clients)] = figures | {
                "ratio": round(figures["post"]["median"] / figures["pgbench -N"]["median"], 2)
            }
        answer["http"] = _over_http(lasting, seed)
    return answer


def _earn(member_id: int, currency_id: int) -> ledger.Posting:
    return ledger.Posting(
        member_id=member_id,
        currency_id=currency_id,
        key=uuid.uuid4(),
        kind=Kind.EARN,
        points=48,
        occurred_on=databases.FIRST_BUSINESS_DATE,
        expires_on=EXPIRES_ON,
        cause="activity/bench/1",
        figures={"amount_minor": 24000, "rate": "0.1", "per": "amount", "multiplier": "2"},
    )


def _over_http(lasting: float, seed: int) -> dict[str, float]:
    """Return requests a second of POST /activities:batch with one activity each, through gunicorn, by number of clients."""
    from campaigns.models import EarningRule, EarningRuleVersion
    from foundation.access.models import SystemClient
    from points.models import PointCurrency

    rule = EarningRule.objects.create(code="bench", names={"en": "Bench"})
    EarningRuleVersion.objects.create(
        rule=rule,
        number=1,
        in_force_from=datetime.date(2020, 1, 1),
        reward_currency=PointCurrency.objects.get(code="reward"),
        reward_rate=1,
        created_at=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    )
    secret = uuid.uuid4().hex
    system = SystemClient.objects.create(
        name="bench",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        client_secret=secret,
        scopes=["activities:write"],
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = settings.DATABASES["default"]
    url = (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "membership_site.wsgi",
        "-b",
        f"127.0.0.1:{port}",
        "-k",
        "gthread",
        "-w",
        "2",
        "--threads",
        "4",
    ]
    environment = os.environ | {"DATABASE_URL": url, "API_REQUESTS_PER_MINUTE": "10000000"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        token = _token(port, system.client_id, secret)

        def requests(client: int, until: float) -> int:
            dice, done = random.Random(seed * 1000 + client), 0
            connection = http.client.HTTPConnection("127.0.0.1", port)
            while time.monotonic() < until:
                _report(connection, token, f"B{dice.randint(1, MEMBERS)}")
                done += 1
            return done

        return {
            str(clients): round(measuring.per_second(requests, clients=clients, lasting=lasting), 1)
            for clients in CLIENTS
        }
    finally:
        server.terminate()
        server.wait(30)


def _token(port: int, client_id: str, secret: str) -> str:
    body = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}"
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/oauth/token", body, {"Content-Type": "application/x-www-form-urlencoded"})
            return json.load(connection.getresponse())["access_token"]
        except ConnectionError:
            time.sleep(0.1)
    sys.exit("gunicorn did not come up")


def _report(connection: http.client.HTTPConnection, token: str, member: str) -> None:
    item = {
        "source": "bench",
        "externalId": uuid.uuid4().hex,
        "member": member,
        "kind": "card_spend",
        "direction": "debit",
        "amount": {"amount": "48.00", "currency": "CNY"},
        "occurredAt": "2026-03-02T10:00:00+08:00",
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/activities:batch", json.dumps({"activities": [item]}), headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200 or b'"recorded"' not in body:
        sys.exit(f"the API answered {answer.status}: {body[:200]!r}")
