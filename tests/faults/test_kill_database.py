"""The database killed, restarted and cut off under load: what was acknowledged is there, what was not is there once or not at all."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from django.db import OperationalError, connections
from django.test import Client

from foundation.web import outages
from membership_site.local.serving import free_port
from points.models import Entry
from tests.clusters import Cluster, own_cluster
from tests.factories import MemberFactory, StaffPostingFactory
from tests.points.cast import asked, books_ok, open_bank
from tests.races.test_posting import commit
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


@pytest.fixture
def small_disk(cluster, tmp_path) -> Iterator[Path]:
    """A disk of 6 MB on which the entries lie."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"Only root can mount the small disk that this test fills: {mounted.stderr.strip()}")
    place = disk / "entries"
    place.mkdir()
    if "user" in cluster.servers.home.spawn:
        os.chown(place, cluster.servers.home.spawn["user"], cluster.servers.home.spawn["group"])
    says(cluster, f"CREATE TABLESPACE small LOCATION '{place}'", "ALTER TABLE points_entry SET TABLESPACE small")
    try:
        yield disk
    finally:
        says(cluster, "ALTER TABLE points_entry SET TABLESPACE pg_default", "DROP TABLESPACE small")
        subprocess.run(["umount", str(disk)], check=True)


def says(cluster: Cluster, *statements: str) -> None:
    """Run statements as the cluster's superuser."""
    port, password = cluster.servers.port, cluster.servers.secrets["postgres"]
    line = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password=password, dbname="membership")
    with contextlib.closing(line):
        line.autocommit = True
        for statement in statements:
            line.cursor().execute(statement)


def test_a_full_disk_refuses_what_it_can_not_hold_and_nothing_else(cluster, small_disk):
    """C12: the batch that does not fit is not there at all, reads go on, and with room it is posted as it was asked for."""
    wang, points = open_bank()
    entries = Entry.objects.filter(member_id=wang.pk)

    with pytest.raises(OperationalError) as error:
        while True:
            batch = [asked(wang, points, 1) for _ in range(1_000)]
            commit(*batch)

    assert outages.is_database_away(error.value)
    full = entries.count()
    assert full > 0 and full % 1_000 == 0
    assert not entries.filter(event_key=batch[0].key).exists()
    assert books_ok()

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)

    assert {answer.outcome for answer in commit(*batch)} == {"posted"}
    assert entries.count() == full + 1_000
    assert books_ok()
