"""A line to PostgreSQL that can be cut, at the very instant of a commit too; and a web server of its own behind it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from membership_site.local.serving import free_port
from tests.workers import ROOT, environment

COMMIT = b"COMMIT\0"  # as the driver sends it
CUT_BEFORE, CUT_AFTER = "before", "after"


class Line:
    """Passes bytes between a server and PostgreSQL. `at_commit` says where the next COMMIT meets a cut: CUT_BEFORE it reaches
    the database, or CUT_AFTER it is done there, when its answer is on the way; `then` is called at that instant."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream, self.port = upstream, free_port()
        self.at_commit, self.then = "", lambda: None
        self.ends: set[socket.socket] = set()
        self.listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Let connections in."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._listen, args=(self.listener,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and refuse new ones until the line is mended."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None
        for end in list(self.ends):
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        self.ends.discard(end)

    def _listen(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = listener.accept()
                far = socket.create_connection(self.upstream)
                self.ends |= {near, far}
                swallowing = threading.Event()
                for pump in (self._pump_down, self._pump_up):
                    threading.Thread(target=pump, args=(near, far, swallowing), daemon=True).start()

    def _pump_down(self, near: socket.socket, far: socket.socket, swallowing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if COMMIT in data and self.at_commit:
                    where, self.at_commit = self.at_commit, ""
                    if where == CUT_BEFORE:
                        self.then()
                        break
                    swallowing.set()
                far.sendall(data)
        self._end(near)
        self._end(far)

    def _pump_up(self, near: socket.socket, far: socket.socket, swallowing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                if swallowing.is_set():
                    self.then()
                    break
                near.sendall(data)
        self._end(near)
        self._end(far)


class Site:
    """A web server on a test's database, behind a line."""

    def __init__(self, database: str, log: Path) -> None:
        real = urlsplit(os.environ["DATABASE_URL"])
        self.line = Line((real.hostname, real.port))
        through = real._replace(netloc=f"{real.username}:{real.password}@127.0.0.1:{self.line.port}").geturl()
        self.variables = environment(database)
        self.variables["DATABASE_URL"] = urlsplit(through)._replace(path=f"/{database}").geturl()
        self.log, self.port = log, free_port()
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "membership_site.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--workers", "1", "--threads", "2", "--no-control-socket"],
                cwd=ROOT, env=self.variables, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/healthz").status == 200:
                    return
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> "Told":
        """Send a request and return what was told; raises what a caller would see when the server goes away."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = None if body is None else json.dumps(body)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, sent, {"Content-Type": "application/json", **named})
            response = connection.getresponse()
            return Told(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


class Told:
    """A status, headers and a body."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content

    def json(self) -> dict:
        return json.loads(self.content)


@contextlib.contextmanager
def serving(database: str, log: Path) -> Iterator[Site]:
    """Keep a site running meanwhile."""
    site = Site(database, log)
    try:
        yield site
    finally:
        site.kill()
        site.line.cut()
