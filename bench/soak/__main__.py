"""`make soak ARGS='--operations N'`: random operations from many processes, proved at every simulated close."""

import argparse
import json
import logging
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "membership_site.settings")
django.setup()

from bench.soak import running  # noqa: E402  (it reads settings)


def main() -> int:
    """Run, tell on stderr what is found, close with one JSON line on stdout; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument(
        "--operations", type=int, default=1_000_000, help="postings and holds asked for, by all processes"
    )
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--nights", type=int, default=20, help="business dates closed meanwhile")
    parser.add_argument("--seconds", type=float, default=None, help="end at the first close after so long")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--plant", action="store_true", help="take a point out of a lot half-way: it must be found")
    asked = parser.parse_args()
    if min(asked.operations, asked.processes, asked.nights) < 1:
        parser.error("operations, processes and nights are 1 at least")
    logging.disable(logging.INFO)  # the nights' own lines
    operations, found = running.run(
        operations=asked.operations,
        processes=asked.processes,
        nights=asked.nights,
        seconds=asked.seconds,
        seed=asked.seed,
        plant=asked.plant,
    )
    for line in found[:20]:
        print(f"· violation: {line}", file=sys.stderr)
    print(json.dumps({"operations": operations, "violations": len(found), "seed": asked.seed}), flush=True)
    return 1 if found else 0


sys.exit(main())
