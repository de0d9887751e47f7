"""Locks on files: a lock ends with the processes that hold it, whatever ends them."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO


def lock(file: Path, *, shared: bool = False, wait: bool = True) -> IO | None:
    """Lock a file and return it open, for the caller to close; None where it is taken and `wait` is off."""
    file.parent.mkdir(parents=True, exist_ok=True)
    held = file.open("a+")
    try:
        fcntl.flock(held, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        held.close()
        return None
    return held


def announce(held: IO, facts: dict) -> None:
    """Write into a file locked by us what others need to join us; empty facts take it back."""
    os.fchmod(held.fileno(), 0o600)
    held.seek(0)
    held.truncate()
    held.write(json.dumps({**facts, "pid": os.getpid()}) if facts else "")
    held.flush()


def read_announced(file: Path) -> dict | None:
    """Return what the holder of a lock announced; None while nobody living has announced anything."""
    if free := lock(file, wait=False):
        free.close()
        return None
    try:
        facts = json.loads(file.read_text())
        os.kill(facts["pid"], 0)  # a new holder may not yet have wiped what a killed one left
    except (OSError, ValueError):
        return None
    return facts
