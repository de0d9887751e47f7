"""Measuring: interleaved rounds, medians and spreads, and loops in processes that begin together."""

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection, connections


def interleave(variants: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Run the variants in turn, `rounds` times; return of each its median, least and most."""
    seen: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            seen[name].append(run())
    return {
        name: {
            "median": round(statistics.median(figures), 1),
            "least": round(min(figures), 1),
            "most": round(max(figures), 1),
        }
        for name, figures in seen.items()
    }


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work` takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def per_second(loop: Callable[[int, float], int], *, clients: int, lasting: float) -> float:
    """Run `loop(client, until)` in `clients` processes that begin together; return the sum of their counts a second.

    `until` is of the monotonic clock; the loop returns how much it did by then.
    """
    for alias in connections:
        connections[alias].close()
    context = multiprocessing.get_context("fork")
    barrier, counts = context.Barrier(clients), context.Queue()

    def client(number: int) -> None:
        barrier.wait()
        started = time.monotonic()
        done = loop(number, started + lasting)
        counts.put(done / (time.monotonic() - started))
        counts.close()
        counts.join_thread()
        os._exit(0)

    processes = [context.Process(target=client, args=(number,)) for number in range(clients)]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=lasting + 60) for _ in processes)
    for process in processes:
        process.join()
    return total


def machine() -> dict[str, Any]:
    """Return what the figures were measured on: cores, kernel, PostgreSQL and the settings that decide."""
    names = (
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "shared_buffers",
        "max_wal_size",
        "wal_compression",
        "jit",
        "work_mem",
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT version()")
        version = cursor.fetchone()[0].split(" on ")[0]
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) name", [list(names)])
        shown = dict(cursor.fetchall())
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": version,
        "settings": shown,
    }
