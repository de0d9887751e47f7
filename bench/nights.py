"""The demo bank's nights, step by step."""

import io
import json
from typing import Any

from django.core.management import call_command

from bench import databases


def measure(*, members: int, nights: int, seed: int) -> dict[str, Any]:
    """Seed a demo bank, close its nights with one worker, and return the seconds of the first and of the last night by step."""
    with databases.fresh("bench_nights"):
        call_command("seed_demo", members=members, nights=nights, seed=seed)
        out = io.StringIO()
        call_command("close_day", due=True, json=True, stdout=out)
        dates = json.loads(out.getvalue())["dates"]
    return {"members": members, "nights": nights, "first": _steps(dates[0]), "last": _steps(dates[-1])}


def _steps(night: dict[str, Any]) -> dict[str, Any]:
    return {
        "business_date": night["business_date"],
        "seconds": night["seconds"],
        "steps": {
            name: {"seconds": step["seconds"], "counts": step["counts"]} for name, step in night["steps"].items()
        },
    }
