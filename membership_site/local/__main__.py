"""Run `python3 -m membership_site.local COMMAND [ARGUMENTS]` on any Python, which may turn out to be the wrong one."""

import os
import signal
import sys

if os.name != "posix":
    sys.exit("Linux or macOS is needed; on Windows use WSL, or docker-compose.yml.")
if sys.version_info < (3, 11):  # noqa: UP036 what follows would fail there with a riddle
    sys.exit("Python 3.11 or newer is needed; this is {}.{}.".format(*sys.version_info[:2]))

from membership_site.local import installing, running

COMMANDS = {
    "demo": running.demo,
    "manage": running.manage,
    "test": running.test,
    "lint": running.lint,
    "bench": running.bench,
    "soak": running.soak,
    "shots": running.shots,
    "servers": running.servers,
}


def main() -> int:
    """Install what the command needs, run it in the checkout's own environment, and return its exit code."""
    command, *arguments = sys.argv[1:] or [""]
    if command not in COMMANDS:
        sys.exit(f"Usage: python3 -m membership_site.local {{{'|'.join(COMMANDS)}}} [ARGUMENTS]")
    installing.install(development=command not in ("demo", "manage"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return COMMANDS[command](arguments)
    except KeyboardInterrupt:
        return 130


sys.exit(main())
