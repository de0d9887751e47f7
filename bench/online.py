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

from bench import databases, measuring
from foundation.actors import Actor
from foundation.transactions import commit
from points import ledger, redeeming
from points.models import Kind

CLIENTS = (1, 4, 8)
REDEEMERS = 1_000  # at most, each with as many points as a long measure may spend
EXPIRES_ON = datetime.date(2027, 3, 31)
REDEEMED_AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)  # noon in the bank's zone
BENCH = Actor.job("bench")


def measure(*, members: int, rounds: int, lasting: float, seed: int) -> dict[str, Any]:
    """Return, by number of clients, posts a second beside pgbench's transactions and the peer's transfers, and the ratios.

    pgbench has 100,000 accounts, which `members` should match; it speaks the simple protocol unless told otherwise, as psycopg2
    does; its prepared mode is printed beside. Redemptions are measured with four clients; requests a second over HTTP stand by themselves.
    """
    answer: dict[str, Any] = {}
    with (
        databases.fresh("bench_pgbench", migrated=False) as plain,
        databases.fresh("bench_peer", migrated=False) as peer,
        databases.fresh("bench_online"),
    ):
        databases.pgbench(plain, "-i", "-q", "-s", "1")
        _peer(peer, "init")
        reward, _ = databases.make_members(members)

        def posts(client: int, until: float) -> int:
            dice, done = random.Random(seed * 100 + client), 0
            while time.monotonic() < until:
                commit(ledger.post, batch=[_earn(dice.randint(1, members), reward)], actor=BENCH)
                done += 1
            return done

        for clients in CLIENTS:
            figures = measuring.interleave(
                {
                    "post": lambda clients=clients: measuring.per_second(posts, clients=clients, lasting=lasting),
                    "pgbench -N": lambda clients=clients: _pgbench(plain, clients, lasting),
                    "pgbench -N -M prepared": lambda clients=clients: _pgbench(plain, clients, lasting, "prepared"),
                    "django-hordak": lambda clients=clients: float(_peer(peer, "run", str(clients), str(lasting))),
                },
                rounds=rounds,
            )
            answer[str(clients)] = figures | {
                f"ratio to {name}": round(figures["post"]["median"] / figures[name]["median"], 2)
                for name in figures
                if name != "post"
            }
        answer["redeem"] = _redeeming(
            plain, reward, redeemers=min(members, REDEEMERS), rounds=rounds, lasting=lasting, seed=seed
        )
        answer["http"] = _over_http(members, lasting, seed)
    return answer


def _redeeming(plain: str, reward: int, *, redeemers: int, rounds: int, lasting: float, seed: int) -> dict[str, Any]:
    """Return redemptions a second of a point each, by four clients, beside pgbench.

    `redeem` is the ledger's posting alone; `with its record` the verb that callers use, which keeps a row of its own beside.
    """
    commit(
        ledger.post, batch=[_earn(member, reward, points=1_000_000) for member in range(1, redeemers + 1)], actor=BENCH
    )

    def redeem(client: int, until: float) -> int:
        dice, done = random.Random(seed * 100 + client), 0
        while time.monotonic() < until:
            spent = _earn(dice.randint(1, redeemers), reward, kind=Kind.REDEEM, points=-1, expires_on=None)
            [answer] = commit(ledger.post, batch=[spent], actor=BENCH)
            done += answer.outcome == "posted"
        return done

    def redeem_and_record(client: int, until: float) -> int:
        dice, done = random.Random(seed * 100 + client), 0
        while time.monotonic() < until:
            commit(
                redeeming.redeem,
                member_id=dice.randint(1, redeemers),
                currency_id=reward,
                points=1,
                caller="client 1",
                reference=uuid.uuid4().hex,
                purpose="bench",
                at=REDEEMED_AT,
                actor=BENCH,
            )
            done += 1
        return done

    figures = measuring.interleave(
        {
            "redeem": lambda: measuring.per_second(redeem, clients=4, lasting=lasting),
            "with its record": lambda: measuring.per_second(redeem_and_record, clients=4, lasting=lasting),
            "pgbench -N": lambda: _pgbench(plain, 4, lasting),
        },
        rounds=rounds,
    )
    base = figures["pgbench -N"]["median"]
    return figures | {
        "ratio": round(figures["redeem"]["median"] / base, 2),
        "ratio with its record": round(figures["with its record"]["median"] / base, 2),
    }


def _pgbench(database: str, clients: int, lasting: float, mode: str = "simple") -> float:
    """Return pgbench's transactions a second, without its updates of tellers and branches (-N)."""
    threads = str(min(clients, 2))
    return databases.pgbench(
        database, "-N", "-n", "-M", mode, "-c", str(clients), "-j", threads, "-T", str(int(lasting))
    )


def _peer(database: str, *arguments: str) -> str:
    """Run the peer on its database, and return what it says."""
    environment = os.environ | {"DATABASE_URL": databases.url_of(database, role="owner")}
    command = [sys.executable, "-m", "bench.peer", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the peer failed: {done.stderr}")
    return done.stdout


def _earn(member_id: int, currency_id: int, **more: Any) -> ledger.Posting:
    """Return an earning of 48 points as a night makes them, under a new key; `more` says what is otherwise."""
    earned = {
        "kind": Kind.EARN,
        "points": 48,
        "occurred_on": databases.FIRST_BUSINESS_DATE,
        "expires_on": EXPIRES_ON,
        "cause": "activity/bench/1",
        "figures": {"amount_minor": 24000, "rate": "0.1", "per": "amount", "multiplier": "2"},
    }
    return ledger.Posting(member_id=member_id, currency_id=currency_id, key=uuid.uuid4(), **earned | more)


def _over_http(members: int, lasting: float, seed: int) -> dict[str, float]:
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
    environment = os.environ | {"DATABASE_URL": databases.url_of("bench_online"), "API_REQUESTS_PER_MINUTE": "10000000"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        token = _token(port, system.client_id, secret)

        def requests(client: int, until: float) -> int:
            dice, done = random.Random(seed * 1000 + client), 0
            connection = http.client.HTTPConnection("127.0.0.1", port)
            while time.monotonic() < until:
                _report(connection, token, f"B{dice.randint(1, members)}")
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
