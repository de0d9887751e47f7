"""Measure the peak memory of every command, each a process of its own, on the large bank: `python3 -m bench.memory`.

Prints a JSON object of peaks in MB. The large bank has to stand (`python3 -m bench.seed --members 100000`), with a date to close. This
process stays small, since the kernel counts a child's memory from before it is another program.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).parent.parent
DATABASE = "bench_large"
ROWS = 200_000  # of the file that is taken in
PROFILE = """
name = "Cards"
source = "memory"

[files.activities]
glob = "*.csv"

[[load]]
target = "activities"
file = "activities"

[load.fields]
external_id = "id"
member_number = "member"
occurred_at = "at"
direction = { constant = "debit" }
kind = { constant = "card_spend" }
amount = "amount"
"""
# What pages do with the most that they take: a file of corrections tried, asked for and approved, and the explorer's largest download.
CORRECTIONS = """
import datetime, io, uuid
from django.db.models import Max
from foundation import transactions
from foundation.access.models import Branch, StaffPosting, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.jobs import clock
from members.models import Member
from points import uploading
from points.models import PointCurrency
at, code = clock.now(), PointCurrency.objects.get(kind="reward").code
numbers = Member.objects.order_by("id").values_list("number", flat=True)[:20_000]
text = "member number,currency,points,reason,expires on\\n"
text += "".join(f"{number},{code},{place + 1},goodwill,\\n" for place, number in enumerate(numbers))
def posted(role):
    user, _new = User.objects.get_or_create(username=f"memory {role}", defaults={"employee_number": f"M-{role}", "is_staff": True})
    StaffPosting.objects.get_or_create(
        user=user, role=role, branch=Branch.objects.get(parent=None), starts_on=datetime.date(2020, 1, 1))
    return user
maker, checker = transactions.commit(lambda: (posted("programme_manager"), posted("finance")))
kept = transactions.commit(uploading.keep, name="f.csv", content=text.encode(), user=maker, at=at)
del text
assert not uploading.dry_run(kept, today=clock.today()).errors
made = transactions.commit(uploading.ask, kept=kept, reason=str(uuid.uuid4()), actor=Actor(user=maker), at=at)
transactions.commit(deciding.approve, request_id=made.pk, seen_hash=made.payload_hash, actor=Actor(user=checker), at=clock.now())
"""
DOWNLOAD = """
import datetime, os
from foundation import tables
from foundation.jobs import fencing
from membership_site import exploring
last = fencing.last_closed() or fencing.next_to_close()
wanted = exploring.Wanted(member=None, first=last - datetime.timedelta(days=30), last=last, kind=None, currency_id=None,
                          source=None, rule_id=None, patterns=None)
headers, rows = exploring.table(wanted, sources={})
with open(os.devnull, "wb") as out:
    tables.write_%(form)s(out, headers=headers, rows=rows%(more)s)
"""


def commands(place: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each measure and what manage.py is told."""
    yield "close_day", ["close_day", "--as-of", _next_to_close()]
    yield "close_day, two workers", ["close_day", "--as-of", _next_to_close(), "--workers", "2"]
    yield "prove", ["prove", "--json"]
    yield "verify_seals", ["verify_seals", "--json"]
    yield f"intake of {ROWS:,} rows", ["intake", "--profile", f"{place}/profile.toml", f"{place}/cards.csv"]
    yield "a command that does nothing", ["shell", "-v", "0", "-c", "pass"]
    yield "relay_outbox", ["relay_outbox"]
    yield "a file of 20,000 corrections", ["shell", "-c", CORRECTIONS]
    yield "100,000 entries as CSV", ["shell", "-c", DOWNLOAD % {"form": "csv", "more": ""}]
    xlsx = {"form": "xlsx", "more": ", title='t', at=datetime.datetime.now(datetime.UTC)"}
    yield "100,000 entries as xlsx", ["shell", "-c", DOWNLOAD % xlsx]


def main() -> None:
    """Run each command, tell its peak on stderr, and print them all."""
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "profile.toml").write_text(PROFILE)
        with (place / "cards.csv").open("w") as file:
            file.write("id,member,at,amount\n")
            file.writelines(f"n{n},{88000001 + n % 50_000},2026-11-01 12:00,{n % 900 + 1}.50\n" for n in range(ROWS))
        for title, told in commands(place):
            peaks[title] = _peak(told)
            print(f"· {title}: {peaks[title]} MB", file=sys.stderr, flush=True)
    print(json.dumps(peaks, indent=2))


def _peak(told: list[str]) -> int:
    """Run manage.py and return the most memory it had at once, in MB; raises where it fails."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", *told], cwd=ROOT, env=_variables(), stdout=subprocess.DEVNULL
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"manage.py {' '.join(told)[:60]} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)


def _next_to_close() -> str:
    code = "from foundation.jobs import fencing; print(fencing.next_to_close())"
    told = [sys.executable, "-W", "ignore", "manage.py", "shell", "-v", "0", "-c", code]
    return subprocess.run(told, cwd=ROOT, env=_variables(), capture_output=True, text=True, check=True).stdout.strip()


def _variables() -> dict[str, str]:
    """Return the environment of a process that works on the large bank."""
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{DATABASE}"))
    return {**os.environ, "DATABASE_URL": url}


if __name__ == "__main__":
    main()
