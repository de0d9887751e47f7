"""A PostgreSQL and a Valkey of a test's own, which forget nothing, to be killed; Django works on them meanwhile."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from membership_site.env import _database
from membership_site.local.serving import Servers
from membership_site.local.supervising import Child, Supervisor

LONG = 60.0


class Cluster:
    """The servers, kept alive while somebody waits for something."""

    def __init__(self, place: Path) -> None:
        self.supervisor, self.servers = Supervisor(), Servers(place, forgetful=False)

    @property
    def postgres(self) -> Child:
        return next(child for child in self.supervisor.children if child.name == "PostgreSQL")

    def answers(self) -> bool:
        """Say whether the database lets somebody in."""
        try:
            psycopg2.connect(self.servers.environment["DATABASE_URL"], connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def wait_until(self, reached: Callable[[], bool], what: str) -> float:
        """Tend the servers until `reached`; return how many seconds it took."""
        began = time.monotonic()
        while not reached():
            assert time.monotonic() - began < LONG, f"waited in vain until {what}"
            self.supervisor.tend()
            time.sleep(0.05)
        return time.monotonic() - began


@contextlib.contextmanager
def own_cluster(place: Path) -> Iterator[Cluster]:
    """Run servers whose data lie in `place`, with a migrated database that both aliases point at; stop them after."""
    place.mkdir()
    cluster = Cluster(place)
    before = {alias: dict(settings.DATABASES[alias]) for alias in ("default", "owner")}
    try:
        cluster.servers.start(cluster.supervisor)
        environment = cluster.servers.environment
        point_at({"default": environment["DATABASE_URL"], "owner": environment["OWNER_DATABASE_URL"]})
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        yield cluster
    finally:
        for alias, facts in before.items():
            use(alias, facts)
        cluster.supervisor.stop()


def point_at(urls: dict[str, str]) -> None:
    for alias, url in urls.items():
        use(alias, _database(url))


def use(alias: str, facts: dict) -> None:
    """Let an alias mean another database from now on, for new threads too."""
    connections[alias].close()
    names = ("HOST", "PORT", "USER", "PASSWORD", "NAME")
    for known in (connections[alias].settings_dict, settings.DATABASES[alias], connections.settings[alias]):
        known.update({name: facts[name] for name in names})
