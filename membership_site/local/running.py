"""The commands: each starts the servers it needs, runs, and leaves nothing running."""

import os
import shlex
import shutil
import signal
import socket
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from membership_site.local.installing import MARK, ROOT
from membership_site.local.locking import announce
from membership_site.local.serving import write_private
from membership_site.local.sharing import LOCAL, Demo, test_servers
from membership_site.local.supervising import Child, Supervisor, say

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
MIGRATE = ["migrate", "--database", "owner", "-v0"]
CELERY = [PYTHON, "-m", "celery", "-A", "membership_site.celery"]
READY_WITHIN = 60.0  # seconds
# So many test processes are what the test servers' connections are enough for.
MOST_AT_ONCE = 4
# Small enough for the two workers to share each step of a night of the demo's 5,000 members.
SHARED_NIGHTS = {"NIGHT_CHUNK_MEMBERS": os.environ.get("NIGHT_CHUNK_MEMBERS", "2500")}


def demo(arguments: list[str]) -> int:
    """Serve a seeded bank until Ctrl-C: servers, migrations, seed, the nights that are due, web, worker, beat."""
    port, began = _site_port(), time.monotonic()

    def tell(step: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {step}")

    with Demo().run(command="demo") as (supervisor, environment, held):
        tell("PostgreSQL and Valkey answer")
        if not _static_files_gathered():
            _step(supervisor, environment, "collectstatic", "--no-input", "-v0")
        site = f"http://127.0.0.1:{port}"
        worker, web, beat = _parts(port, SHARED_NIGHTS | environment)
        # Both load while the bank is made; neither asks the database for anything before.
        supervisor.add(worker)
        supervisor.add(web)
        _step(supervisor, environment, "prepare_demo", *arguments)
        supervisor.add(beat)
        _wait_until_ready(supervisor, web, port)
        announce(held, {"command": "demo", "environment": environment, "site": site})
        tell(f"the site answers: {site}  (Ctrl-C stops everything)")
        return supervisor.watch()


def manage(arguments: list[str]) -> int:
    """Run a management command against the demo's servers, started for it if need be; stdout is the command's alone."""
    with Demo().use(command="manage") as (supervisor, environment, started):
        if started and arguments[:1] not in (["migrate"], ["makemigrations"]):
            _step(supervisor, environment, *MIGRATE)
        return supervisor.run([*MANAGE, *arguments], environment=environment)


def bench(arguments: list[str]) -> int:
    """Measure, against servers that forget nothing."""
    with Demo().use(command="bench") as (supervisor, environment, _):
        return supervisor.run([PYTHON, "-m", "bench", *arguments], environment=environment)


def soak(arguments: list[str]) -> int:
    """Work at random on a ledger of its own and prove it, against servers that are removed after."""
    with test_servers() as (supervisor, environment):
        return supervisor.run([PYTHON, "-m", "bench.soak", *arguments], environment=environment)


def shots(arguments: list[str]) -> int:
    """Photograph every page of the demo that runs now."""
    facts = Demo().announced()
    if not facts or "site" not in facts:
        sys.exit("The pages are photographed in a running demo: start `make demo` first.")
    return Supervisor().run([PYTHON, "-m", "bench.shots", facts["site"], *arguments], environment=facts["environment"])


def test(arguments: list[str]) -> int:
    """Run the tests against servers of their own; all of them, when none are named, on every core."""
    every = ["-n", str(min(os.cpu_count() or 1, MOST_AT_ONCE))]
    with test_servers() as (supervisor, environment):
        return supervisor.run([PYTHON, "-m", "pytest", *(arguments or every)], environment=environment)


GATES = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
    "import order": [PYTHON, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-logo"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "mypy": [PYTHON, "-m", "mypy"],
    "bandit": [PYTHON, "-m", "bandit", "-q", "-ll", "-c", "pyproject.toml", "-r", "."],
}


def lint(arguments: list[str]) -> int:
    """Run every gate that is no test, or those named, each even after another failed."""
    if unknown := set(arguments) - GATES.keys():
        sys.exit(f"No gate {', '.join(unknown)}; there are: {', '.join(GATES)}.")
    failed = []
    with test_servers() as (supervisor, environment):
        for name in arguments or GATES:
            say(f"gate: {name}")
            if supervisor.run(GATES[name], environment=environment):
                failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all gates passed")
    return 1 if failed else 0


def servers(arguments: list[str]) -> int:
    """Run test servers until Ctrl-C; `--env FILE` writes what a shell needs to reach them."""
    with test_servers() as (supervisor, environment):
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
        if arguments[:1] == ["--env"]:
            write_private(Path(arguments[1]), text)
            say(f"servers answer; in a shell: set -a && . {arguments[1]} && set +a")
        else:
            print(text, end="", flush=True)
        return supervisor.watch()


def _site_port() -> int:
    """Return the port that PORT names, 8000 without; refuses one that is taken."""
    port = int(os.environ.get("PORT") or 8000)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is taken: choose another, for example PORT={port + 471} make demo")
    return port


def _static_files_gathered() -> bool:
    """Say whether nothing that is served was changed or installed since it was gathered last."""
    gathered = LOCAL / "static" / "staticfiles.json"
    sources = [MARK, *ROOT.glob("static/**/*")]
    return gathered.exists() and gathered.stat().st_mtime > max(source.stat().st_mtime for source in sources)


def _parts(port: int, environment: dict[str, str]) -> tuple[Child, Child, Child]:
    """Return the worker, the web server and the beat, not yet started."""
    logs = LOCAL / "demo"
    metrics = logs / "metrics"  # counted by each process of the web server, summed when they are read
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    web = f"gunicorn membership_site.wsgi --preload --no-control-socket -b 127.0.0.1:{port} -k gthread -w 2 --threads 4"
    worker = ["worker", "-c", "2", "-l", "INFO", "--without-gossip", "--without-mingle"]
    beat = ["beat", "-l", "INFO", "--pidfile=", "-s", str(logs / "beat-schedule")]
    environment = {**environment, "SITE_URL": f"http://127.0.0.1:{port}"}
    counted = {**environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    return (
        # Orphaned, it drops its tasks at once: they are acknowledged late and come back.
        Child("worker", [*CELERY, *worker], logs / "worker.log", orphaned=signal.SIGQUIT, environment=environment),
        Child("web", [PYTHON, "-m", *web.split()], logs / "web.log", environment=counted),
        Child("beat", [*CELERY, *beat], logs / "beat.log", environment=environment),
    )


def _step(supervisor: Supervisor, environment: dict[str, str], *command: str) -> None:
    """Run a management command whose failure ends ours; its output is for the person, not for a pipe.

    The site is checked by its tests; loading every page's code to do so again would take a second a step.
    """
    if code := supervisor.run([*MANAGE, *command, "--skip-checks"], environment=environment, stdout=sys.stderr):
        say(f"manage.py {' '.join(command)} failed")
        sys.exit(code)


def _wait_until_ready(supervisor: Supervisor, web: Child, port: int) -> None:
    """Wait until the site says that it is ready; refuses after a minute with what it says instead."""
    deadline, answer = time.monotonic() + READY_WITHIN, "nothing"
    line = HTTPConnection("127.0.0.1", port, timeout=5)
    while time.monotonic() < deadline:
        try:
            line.request("GET", "/readyz")
            response = line.getresponse()
            answer = response.read().decode(errors="replace")
            if response.status == 200:
                return
        except OSError as error:
            answer = str(error)
        finally:
            line.close()
        supervisor.tend()
        time.sleep(0.1)
    sys.exit(f"The site is not ready, /readyz answers: {answer}\n{web.last_words()}")
