"""Share what lies in .local between commands that run at once."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from membership_site.local.locking import announce, lock, read_announced
from membership_site.local.serving import Servers, forget, read_secrets
from membership_site.local.supervising import Supervisor, say

LOCAL = Path(__file__).resolve().parents[2] / ".local"
URLS = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL")


class Demo:
    """The servers that hold the data of this checkout's demo: one process runs them, others may join it."""

    def __init__(self, local: Path = LOCAL) -> None:
        self.place = local / "demo"
        self.holder = local / "holder.lock"  # held by the process that runs the servers; says how to join it
        self.users = local / "users.lock"  # shared by the processes that use them

    def announced(self) -> dict | None:
        """Return what the process that runs the servers announced, None where there is none."""
        return read_announced(self.holder)

    @contextmanager
    def run(self, *, command: str) -> Iterator[tuple[Supervisor, dict[str, str], IO]]:
        """Run the servers, after a shorter command that runs them now; refuses where `command` does already."""
        waiting = False
        while not (held := lock(self.holder, wait=False)):
            facts = self.announced()
            if facts and facts["command"] == command:
                sys.exit(f"The {command} of this checkout runs already: {facts.get('site', 'it is still starting')}")
            if facts and not waiting:
                say(f"waiting for `{facts['command']}` (process {facts['pid']}) to be done with the servers")
                waiting = True
            time.sleep(0.2)
        announce(held, {})
        with held, _started(self.place, site_env="local") as (supervisor, environment):
            announce(held, {"command": command, "environment": environment})
            yield supervisor, environment, held

    @contextmanager
    def use(self, *, command: str) -> Iterator[tuple[Supervisor, dict[str, str], bool]]:
        """Join the process that runs the servers, or run them until the last of those who joined us is done.

        Gives a supervisor, the environment that reaches the servers, and whether they were started for this.
        """
        if urls_given():
            with _started(self.place, site_env="local") as (supervisor, environment):
                yield supervisor, environment, False
            return
        using = lock(self.users, shared=True)
        while not (held := lock(self.holder, wait=False)):
            if facts := self.announced():
                with using:
                    yield Supervisor(), facts["environment"], False
                return
            time.sleep(0.2)
        announce(held, {})
        with held, _started(self.place, site_env="local") as (supervisor, environment):
            announce(held, {"command": command, "environment": environment})
            try:
                yield supervisor, environment, True
            finally:
                using.close()
                with lock(self.users):
                    announce(held, {})


@contextmanager
def test_servers(local: Path = LOCAL) -> Iterator[tuple[Supervisor, dict[str, str]]]:
    """Run servers for tests alone, fast and forgetful; remove them afterwards, and what killed tests left."""
    for place in local.glob("test-*"):
        if left := lock(place / "lock", wait=False):
            forget(place)
            left.close()
    place = local / f"test-{os.getpid()}"
    with lock(place / "lock"):
        try:
            with _started(place, site_env="test") as running:
                yield running
        finally:
            forget(place)


def urls_given() -> bool:
    """Say whether the environment names servers already, so that none is started; refuses when it names only some."""
    missing = [name for name in URLS if not os.environ.get(name)]
    if missing and len(missing) < len(URLS):
        sys.exit(f"{', '.join(missing)} missing: set {', '.join(URLS)} together, or none of them.")
    return not missing


@contextmanager
def _started(place: Path, *, site_env: str) -> Iterator[tuple[Supervisor, dict[str, str]]]:
    """Run the servers whose data lie in `place`, unless the environment names some.

    Gives the variables that the site needs beside those of our own environment.
    """
    place.mkdir(parents=True, exist_ok=True)
    keys = {name: value for name, value in read_secrets(place).items() if name.isupper()}
    if urls_given():
        needed = {"SITE_ENV": site_env, **keys}
        yield Supervisor(), {name: value for name, value in needed.items() if name not in os.environ}
        return
    supervisor, servers = Supervisor(), Servers(place, forgetful=site_env == "test")
    try:
        servers.start(supervisor)
        yield supervisor, {"SITE_ENV": site_env, **keys, **servers.environment}
    finally:
        supervisor.stop()
