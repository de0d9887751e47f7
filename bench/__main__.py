"""Measure, in one run on one cluster, and print one JSON object: `make bench ARGS='online sets nights --rounds 3'`."""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "membership_site.settings")
django.setup()

from bench import measuring, nights, online, scale, seed, sets  # noqa: E402  (they read settings)

SUITES = ("online", "sets", "nights")
AT_WILL = ("scale",)  # takes the large bank, and its time


def main() -> None:
    """Run the suites asked for, SUITES by default; progress goes to stderr, the figures to stdout."""
    if sys.argv[1:2] == ["seed"]:
        del sys.argv[1]
        return seed.main()
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES + AT_WILL)}; {', '.join(SUITES)} without any"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lasting", type=float, default=8, help="seconds of each loop")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--members", type=int, help="of the bank: online 100000, nights 5000, scale what stands or 1000000"
    )
    parser.add_argument("--items", type=int, default=100_000, help="of a bulk and of an expiry in sets")
    parser.add_argument("--nights", type=int, default=5)
    asked = parser.parse_args()
    if unknown := set(asked.suites) - {*SUITES, *AT_WILL}:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES + AT_WILL)}")
    runs = {
        "online": lambda: online.measure(
            members=asked.members or 100_000, rounds=asked.rounds, lasting=asked.lasting, seed=asked.seed
        ),
        "sets": lambda: sets.measure(items=asked.items, rounds=asked.rounds),
        "nights": lambda: nights.measure(members=asked.members or 5000, nights=asked.nights, seed=asked.seed),
        "scale": lambda: scale.measure(members=asked.members, rounds=asked.rounds, seed=asked.seed),
    }
    figures = {"machine": measuring.machine(), "seed": asked.seed, "rounds": asked.rounds}
    for name in asked.suites or SUITES:
        print(f"· {name}", file=sys.stderr, flush=True)
        figures[name] = runs[name]()
    print(json.dumps(figures, indent=2))
    return None


main()
