"""Commands that run at the same time in one checkout."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from membership_site.local import running, sharing
from membership_site.local.locking import announce, lock
from membership_site.local.sharing import Demo

ROOT = Path(__file__).resolve().parents[2]
# Uses the demo's servers in the folder given, says whether it started them and where they are, goes on at a line.
USER = """
import sys
from pathlib import Path
from membership_site.local.sharing import Demo
with Demo(Path(sys.argv[1])).use(command="manage") as (supervisor, environment, started):
    print("started" if started else "joined", environment["DATABASE_URL"], flush=True)
    sys.stdin.readline()
print("ended", flush=True)
"""


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Start one more process that uses the demo's servers in `tmp_path`."""
    for name in sharing.URLS:
        monkeypatch.delenv(name, raising=False)
    users = []

    def start() -> subprocess.Popen:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        users.append(subprocess.Popen([sys.executable, "-c", USER, str(tmp_path)], text=True, cwd=ROOT, **pipes))
        return users[-1]

    yield start
    for user in users:
        user.kill()
        user.wait()


def let_go(user: subprocess.Popen) -> None:
    user.stdin.write("\n")
    user.stdin.flush()


def test_the_second_command_joins_the_first_which_waits_for_it(use):
    first = use()
    began = first.stdout.readline().split()
    second = use()
    joined = second.stdout.readline().split()

    let_go(first)
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.5)
    let_go(second)

    assert began[0] == "started"
    assert joined == ["joined", began[1]]
    assert second.stdout.readline() == "ended\n"
    assert first.stdout.readline() == "ended\n"


def test_after_kill_9_of_the_first_the_next_starts_its_own(use):
    first = use()
    first.stdout.readline()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    assert use().stdout.readline().startswith("started")


def test_a_second_demo_is_refused_in_one_line(tmp_path):
    held = lock(tmp_path / "holder.lock")
    announce(held, {"command": "demo", "site": "http://127.0.0.1:8000"})

    with held, pytest.raises(SystemExit, match="runs already: http://127"), Demo(tmp_path).run(command="demo"):
        pass


def test_the_data_of_killed_tests_are_removed_and_those_of_living_ones_kept(tmp_path, monkeypatch):
    for name in sharing.URLS:
        monkeypatch.setenv(name, "given")
    (tmp_path / "test-1").mkdir()
    with lock(tmp_path / "test-2" / "lock"), sharing.test_servers(tmp_path) as (_, environment):
        places = sorted(place.name for place in tmp_path.glob("test-*"))

    assert places == sorted(["test-2", f"test-{os.getpid()}"])
    assert "DATABASE_URL" not in environment
    assert [place.name for place in tmp_path.glob("test-*")] == ["test-2"]


def test_servers_given_by_halves_are_refused(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://a:b@c/d")
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("OWNER_DATABASE_URL", "postgres://a:b@c/d")

    with pytest.raises(SystemExit, match="REDIS_URL missing"):
        sharing.urls_given()


def test_a_taken_port_is_said_in_one_line(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))

        with pytest.raises(SystemExit, match="is taken: choose another"):
            running.demo([])


@pytest.mark.parametrize(
    ("pretend", "said"),
    [
        ("sys.version_info = (3, 9, 1)", "Python 3.11 or newer is needed; this is 3.9."),
        ("import os; os.name = 'nt'", "Linux or macOS is needed"),
        ("sys.argv = ['local', 'dance']", "Usage: python3 -m membership_site.local {demo|"),
    ],
)
def test_a_start_that_cannot_work_says_why_in_one_line(pretend, said):
    program = f"import runpy, sys; {pretend}; runpy.run_module('membership_site.local', run_name='__main__')"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)

    assert ended.returncode == 1
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
