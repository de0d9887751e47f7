"""Start processes that end with us, and start them again when they end before us."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from membership_site.local.locking import lock

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
BINDING = sys.platform == "linux"  # whether the kernel can end a child with its parent
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds before a dead process is started again
LEFTOVER_ENDS_WITHIN = 20.0  # seconds
SETTLED_AFTER = 30.0  # seconds of life after which the delay starts small again


def say(message: str) -> None:
    """Tell the person at the terminal; stdout belongs to the command that was asked for."""
    print(f"· {message}", file=sys.stderr, flush=True)


def bound_to_us(last_signal: int, before: Callable[[], None] | None = None) -> Callable[[], None]:
    """Return what a child runs before its exec, so that the kernel sends it `last_signal` when we die, even by SIGKILL.

    The kernel watches the thread that forked: start children from the main thread only.
    """
    parent = os.getpid()

    def bind() -> None:
        if before:
            before()
        LIBC.prctl(PR_SET_PDEATHSIG, int(last_signal))
        if os.getppid() != parent:  # we died between the fork and the line above
            os._exit(1)

    return bind


@dataclass
class Child:
    """A process kept alive: its command, how it is asked to end, and what it needs at its start."""

    name: str
    command: list[str]
    log: Path
    ask: int = signal.SIGTERM  # ends it in good order
    orphaned: int = signal.SIGTERM  # what the kernel sends it when we are gone
    environment: dict[str, str] = field(default_factory=dict)  # beside our own
    before: Callable[[], None] | None = None
    spawn: dict = field(default_factory=dict)  # user, group, cwd
    feed: bytes = b""  # written to its stdin, where passwords don't show in `ps`
    needed: bool = False  # by the other children, so that it ends after them
    bound: bool = BINDING  # whether the kernel ends it with us

    process: subprocess.Popen | None = None
    started_at: float = 0.0
    delay: float = FIRST_DELAY
    due_at: float | None = None

    def start(self) -> None:
        """Start the process in a session of its own, out of reach of the terminal's Ctrl-C."""
        with self._claim() as held, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if self.feed else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environment,
                start_new_session=True,
                pass_fds=[held.fileno()],
                preexec_fn=bound_to_us(self.orphaned, self.before) if self.bound else self.before,
                **self.spawn,
            )
            held.truncate(0)
            held.write(str(self.process.pid))
        if self.feed:
            self.process.stdin.write(self.feed)
            self.process.stdin.close()
        self.started_at, self.due_at = time.monotonic(), None

    def _claim(self) -> IO:
        """Lock the process's own file once nothing of a killed run holds it any more; the process inherits the lock."""
        mine = self.log.with_suffix(".pid")
        asked, deadline = self.bound, time.monotonic() + LEFTOVER_ENDS_WITHIN
        while not (held := lock(mine, wait=False)):
            left = mine.read_text()
            if left and not asked:
                os.kill(int(left), self.orphaned)
                asked = True
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name} of a run that was killed does not end: kill {left}")
            time.sleep(0.1)
        return held

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal_group(self, number: int) -> None:
        """Send a signal to everything in the process's session; its own children may have outlived it."""
        with suppress(ProcessLookupError, PermissionError):  # nothing is left, or only what macOS calls a zombie
            os.killpg(self.process.pid, number)

    def last_words(self, lines: int = 15) -> str:
        """Return the end of the log, for a person who asks why it died."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Supervisor:
    """Keeps children running, runs commands beside them, and ends them all in the reverse of their order."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def add(self, child: Child) -> Child:
        """Start a child and keep it alive from now on."""
        child.start()
        self.children.append(child)
        return child

    def tend(self) -> None:
        """Look once at every child, and start again those that died, each after a delay that doubles."""
        for child in self.children:
            now = time.monotonic()
            if child.running:
                continue
            if child.due_at is None:
                if now - child.started_at > SETTLED_AFTER:
                    child.delay = FIRST_DELAY
                child.signal_group(signal.SIGKILL)
                child.due_at = now + child.delay
                child.delay = min(child.delay * 2, LONGEST_DELAY)
                say(f"{child.name} ended with {child.process.returncode}, starting it again (see {child.log})")
            elif now >= child.due_at:
                child.start()

    def run(self, command: list[str], *, environment: dict[str, str], **options: object) -> int:
        """Run a command in the foreground while tending the children; return its exit code.

        `environment` comes beside our own. The command shares our terminal and process group, so Ctrl-C reaches it
        directly; we let it finish its own ending.
        """
        bind = bound_to_us(signal.SIGTERM) if BINDING else None
        process = subprocess.Popen(command, env=os.environ | environment, preexec_fn=bind, **options)
        try:
            while True:
                try:
                    return process.wait(0.2)
                except subprocess.TimeoutExpired:
                    self.tend()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(20)

    def watch(self) -> int:
        """Tend the children until Ctrl-C, which is how a person ends them; return the exit code of that."""
        try:
            while True:
                self.tend()
                time.sleep(0.3)
        except KeyboardInterrupt:
            return 0

    def stop(self, patience: float = 20.0) -> None:
        """End the children, those that others need last, and kill what has not ended in `patience` seconds.

        A second Ctrl-C does not hurry us: the servers are closing their files.
        """
        heard = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        for needed in (False, True):
            ending = [child for child in self.children if child.needed is needed]
            for child in ending:
                if child.running:
                    child.process.send_signal(child.ask)
            for child in ending:
                try:
                    child.process.wait(patience)
                except subprocess.TimeoutExpired:
                    say(f"{child.name} did not end in {patience:.0f} s, killing it")
                child.signal_group(signal.SIGKILL)
                child.process.wait()
        self.children.clear()
        for number, handler in heard.items():
            signal.signal(number, handler)
