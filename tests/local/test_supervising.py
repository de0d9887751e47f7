"""Processes kept alive while we live, and not a moment longer."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from membership_site.local import supervising
from membership_site.local.supervising import Child, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
# Takes so many seconds to end, and says when it did.
ENDING = [
    sys.executable,
    "-c",
    "import signal, sys, time\n"
    "def end(*_): time.sleep(float(sys.argv[1])); sys.exit(print(time.monotonic()))\n"
    "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(60)",
]
RUNNER = """
import sys, time
from pathlib import Path
from membership_site.local.supervising import Child, Supervisor
supervisor = Supervisor()
child = supervisor.add(Child("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], Path(sys.argv[1])))
print(child.process.pid, flush=True)
say = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
supervisor.run([sys.executable, "-c", say], environment={})
"""


def lives(pid: int) -> bool:
    """Say whether a process of this number is there and is no zombie."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(shown.strip()) and not shown.startswith("Z")


def comes_true(condition, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def supervisor():
    made = Supervisor()
    yield made
    made.stop(patience=2)


def test_a_dead_child_is_started_again_after_a_delay_that_doubles(supervisor, tmp_path):
    child = supervisor.add(Child("sleeper", SLEEP, tmp_path / "log"))
    first = child.process.pid

    os.kill(first, signal.SIGKILL)
    child.process.wait()
    supervisor.tend()
    still_dead = not child.running
    time.sleep(supervising.FIRST_DELAY)
    supervisor.tend()

    assert still_dead
    assert child.running
    assert child.process.pid != first
    assert child.delay == 2 * supervising.FIRST_DELAY


def test_a_command_runs_while_children_are_tended_and_gives_its_exit_code(supervisor, tmp_path):
    child = supervisor.add(Child("sleeper", SLEEP, tmp_path / "log"))
    os.kill(child.process.pid, signal.SIGKILL)

    code = supervisor.run([sys.executable, "-c", "import time; time.sleep(2); raise SystemExit(3)"], environment={})

    assert code == 3
    assert child.running


def test_what_others_need_ends_last(supervisor, tmp_path):
    server = supervisor.add(Child("server", [*ENDING, "0"], tmp_path / "server.log", needed=True))
    user = supervisor.add(Child("user", [*ENDING, "0.5"], tmp_path / "user.log"))
    assert comes_true(lambda: "ready" in server.log.read_text() and "ready" in user.log.read_text())

    supervisor.stop()

    ended = [float(child.log.read_text().split()[-1]) for child in (user, server)]
    assert ended == sorted(ended)


def test_stopping_ends_a_child_that_does_not_listen(tmp_path):
    supervisor = Supervisor()
    child = supervisor.add(Child("deaf", DEAF, tmp_path / "log"))
    assert comes_true(lambda: "deaf" in child.log.read_text())
    pid = child.process.pid

    supervisor.stop(patience=0.3)

    assert not lives(pid)


@pytest.mark.skipif(not supervising.BINDING, reason="only Linux ends a child with its parent")
def test_kill_9_of_the_runner_leaves_no_orphan(tmp_path):
    root = Path(__file__).resolve().parents[2]
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=root
    )
    child, command = int(runner.stdout.readline()), int(runner.stdout.readline())
    assert lives(child)
    assert lives(command)

    runner.kill()
    runner.wait()

    assert comes_true(lambda: not lives(child) and not lives(command))


def test_where_the_kernel_does_not_the_next_start_ends_what_a_killed_run_left(tmp_path):
    left = Child("sleeper", SLEEP, tmp_path / "sleeper.log", bound=False)
    left.start()
    again = Child("sleeper", SLEEP, tmp_path / "sleeper.log", bound=False)

    again.start()

    assert left.process.wait(5) == -signal.SIGTERM
    assert again.running
    again.process.kill()
    again.process.wait()
