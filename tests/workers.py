"""Real Celery workers for tests: processes of their own on a test's database and a broker database of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

NO_BROKER = "redis://127.0.0.1:1/0"
ROOT = Path(__file__).parent.parent


def environment(database: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on `database`; its broker database follows our process id."""

    def at(url: str, path: str) -> str:
        return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))

    return {
        **os.environ,
        "DATABASE_URL": at(os.environ["DATABASE_URL"], database),
        "REDIS_URL": at(settings.REDIS_URL, str(1 + os.getpid() % 15)),
        **more,
    }


class Worker:
    """A worker's process group, in a session of its own."""

    def __init__(self, variables: dict[str, str], log: Path, app: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-c", "2", "-l", "INFO"]
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle"],
            cwd=ROOT, env=variables, stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """End every process of the worker at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


@contextlib.contextmanager
def working(variables: dict[str, str], log: Path, app: str = "membership_site.celery") -> Iterator[Worker]:
    """Keep a worker running meanwhile."""
    worker = Worker(variables, log, app)
    try:
        yield worker
    finally:
        worker.kill()


def manage(variables: dict[str, str], *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a management command and return it with what it said."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done
