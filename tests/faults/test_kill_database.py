"""The database killed, restarted and cut off under load: what was acknowledged is there, what was not is there once or not at all."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psycopg2
import pytest
from django.db import connections
from django.test import Client

from membership_site.local.serving import free_port
from tests.clusters import Cluster, own_cluster
from tests.factories import MemberFactory, StaffPostingFactory
from tests.points.cast import open_bank
from tests.tellers import Counter
from tests.workers import ROOT

KILLS = int(os.environ.get("KILLS", "3"))  # 25 for the catalogue's own count


@pytest.fixture(scope="module")
def cluster(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Cluster]:
    with django_db_blocker.unblock(), own_cluster(tmp_path_factory.mktemp("cluster") / "own") as cluster:
        yield cluster


def test_a_postmaster_killed_under_load_loses_nothing_acknowledged(cluster):
    """C02: and whoever asked without an answer asks again and has it once."""
    wang, points = open_bank()
    counter = Counter([wang, *MemberFactory.create_batch(7, branch=wang.branch)], points)

    with counter.open():
        for _kill in range(KILLS):
            so_far = len(counter.acknowledged)
            cluster.wait_until(lambda so_far=so_far: len(counter.acknowledged) > so_far + 100, "the counter is busy")
            cluster.postgres.process.send_signal(signal.SIGKILL)
            assert cluster.wait_until(lambda: cluster.postgres.process.poll() is not None, "it is dead") < 30
            assert cluster.wait_until(cluster.answers, "it answers again") < 30

    connections.close_all()  # ours was cut, too
    assert counter.lost >= KILLS
    assert counter.nothing_is_lost()


@pytest.fixture
def site(cluster) -> Iterator[int]:
    """The site's own web server on the cluster; gives its port."""
    port = free_port()
    command = f"gunicorn membership_site.wsgi --no-control-socket -b 127.0.0.1:{port} -k gthread --threads 4"
    variables = os.environ | cluster.servers.environment
    web = subprocess.Popen([sys.executable, "-m", *command.split()], cwd=ROOT, env=variables, stderr=subprocess.DEVNULL)
    try:
        cluster.wait_until(lambda: ask(port, "/healthz")[0] == 200, "the site answers")
        yield port
    finally:
        web.terminate()
        web.wait(20)


def ask(port: int, address: str, cookie: str = "") -> tuple[int, str | None, str]:
    """GET a page; return its status, its Retry-After and its kind; status 0 where nobody listens."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", address, headers={"Cookie": cookie})
        response = line.getresponse()
        response.read()
        return response.status, response.headers["Retry-After"], response.headers["Content-Type"].split(";")[0]
    except OSError:
        return 0, None, ""
    finally:
        line.close()


def test_a_restart_amid_requests_is_a_503_that_says_when_to_come_back(cluster, site):
    """C10: requests wait in the database when it restarts; others come while it is away; afterwards all is as before."""
    visitor = Client()
    visitor.force_login(StaffPostingFactory().user)
    cookie = f"sessionid={visitor.cookies['sessionid'].value}"
    addresses = ["/console/", "/api/v1/me"]
    before = [ask(site, address, cookie)[0] for address in addresses]
    lock = psycopg2.connect(cluster.servers.environment["OWNER_DATABASE_URL"])
    lock.cursor().execute("LOCK TABLE django_session")
    amid: list[tuple] = []
    waiting = [threading.Thread(target=lambda a=a: amid.append(ask(site, a, cookie))) for a in addresses]
    for thread in waiting:
        thread.start()
    connections.close_all()
    cluster.wait_until(lambda: waiting_for_a_lock(cluster) == len(addresses), "the requests wait in the database")

    cluster.postgres.process.send_signal(signal.SIGINT)
    for thread in waiting:
        thread.join(timeout=30)
    cluster.postgres.process.wait(30)
    away = [ask(site, address, cookie) for address in addresses]
    cluster.wait_until(cluster.answers, "it answers again")

    connections.close_all()
    page, problem = (503, "5", "text/html"), (503, "5", "application/problem+json")
    assert sorted(amid) == sorted([page, problem])
    assert away == [page, problem]
    assert [ask(site, address, cookie)[0] for address in addresses] == before
    assert before[0] == 200
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        assert cursor.fetchone() == (0,)


def waiting_for_a_lock(cluster: Cluster) -> int:
    with contextlib.closing(psycopg2.connect(cluster.servers.environment["OWNER_DATABASE_URL"])) as line:
        cursor = line.cursor()
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")
        return cursor.fetchone()[0]
