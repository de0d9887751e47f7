"""Random operations from many processes, nights beside them (`make soak`): no violation, and a planted one is found."""

import json
import subprocess
import sys

from tests.workers import ROOT

OPERATIONS = 100_000


def soak(*arguments: str) -> tuple[subprocess.CompletedProcess[str], dict]:
    """Run `make soak`'s command on the tests' cluster; return how it ended and its closing line."""
    command = [sys.executable, "-m", "bench.soak", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1, done.stderr
    return done, json.loads(done.stdout)


def test_a_hundred_thousand_random_operations_break_nothing():
    """B13, and the sums of the ledger's own proof: keys come again, as they were and changed, to many processes at once."""
    done, closing = soak("--operations", f"{OPERATIONS}", "--nights", "12", "--seed", "20261125")

    assert (done.returncode, closing["violations"]) == (0, 0), done.stderr
    assert closing["operations"] >= OPERATIONS
    assert closing.keys() == {"operations", "violations", "seed"}


def test_a_point_taken_out_of_a_lot_is_found():
    done, closing = soak("--operations", "3000", "--processes", "2", "--nights", "4", "--plant")

    assert done.returncode == 1
    assert closing["violations"] > 0
    assert "purse_equals_lots broken 1 times, first at 1/1" in done.stderr
