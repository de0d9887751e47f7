"""Measure imports: `python3 -m bench.imports`, with the servers' variables set; 100,000 members as xlsx, then as many opening lots as CSV.

Prints a JSON object: seconds and peak memory in MB of the upload, of the trial, of the run, each a process of its own as in the
product, and of taking the lots back. The database is made for it and dropped. This process stays small, since the kernel counts a
child's memory from before it is another program.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).parent.parent
DATABASE = "bench_imports"
OWNER = """
import sys
from bench import databases
databases.drop(sys.argv[1])
if sys.argv[2:]:
    databases.owner_says(f"CREATE DATABASE {sys.argv[1]}")
"""
FOUND = """
import datetime
from foundation.access.models import Branch, StaffPosting, User
from foundation.jobs import clock
from foundation.jobs.models import Bank, BusinessDate
from points.models import PointCurrency
Bank.objects.create(name="Bench", first_business_date=clock.today())
BusinessDate.objects.create(date=clock.today())
PointCurrency.objects.create(code="points", kind="reward", names={}, expiry_policy="never")
root = Branch.objects.create(code="000", names={}, path="1/")
Branch.objects.filter(pk=root.pk).update(path=f"{root.pk}/")
for role, name in (("programme_manager", "maker"), ("programme_manager", "checker"), ("finance", "finance")):
    user = User.objects.create(username=name, employee_number=name, is_staff=True)
    StaffPosting.objects.create(user=user, branch=root, role=role, starts_on=datetime.date(2020, 1, 1))
"""
FILES = """
import csv, sys
import xlsxwriter
rows, place = int(sys.argv[1]), sys.argv[2]
book = xlsxwriter.Workbook(f"{place}/members.xlsx", {"constant_memory": True})
sheet = book.add_worksheet()
sheet.write_row(0, 0, ["会员号", "网点代码", "入会日期", "姓名", "手机号", "证件号", "电子邮箱", "出生日期", "性别"])
for n in range(rows):
    sheet.write_row(n + 1, 0, [f"9{n:07}", "000", "2020-05-01", f"王{chr(0x4E00 + n % 3000)}{chr(0x5000 + n % 2999)}", f"139{n:08}",
                               f"110101{n:012}", f"w{n}@example.com", "1990-03-07", "男" if n % 2 else "女"])
book.close()
with open(f"{place}/opening.csv", "w", encoding="gb18030") as out:
    lines = csv.writer(out)
    lines.writerow(["会员号", "积分种类", "积分", "获得日期", "到期日", "批次编号"])
    lines.writerows([f"9{n:07}", "points", n % 900 + 1, "2025-03-10", f"20{30 + n % 9}-03-31", f"L{n}"] for n in range(rows))
"""
STEP = """
import uuid
from foundation import transactions
from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.jobs import clock
from importing import asking, going_on, sending, uploading
from importing.models import Import
sending.send = lambda import_id: None
maker = Actor(user=User.objects.get(username="maker"))
def decided(made, by):
    transactions.commit(deciding.approve, request_id=made.pk, seen_hash=made.payload_hash, at=clock.now(),
                        actor=Actor(user=User.objects.get(username=by)))
def asked(verb):
    return transactions.commit(verb, import_id=import_.pk, request_id=uuid.uuid4(), reason="bench", actor=maker, at=clock.now())
by = {"members": "checker", "opening": "finance"}[%(kind)r]
import_ = Import.objects.filter(kind=%(kind)r).first()
"""
STEPS = {
    "upload": """
with open(%(file)r, "rb") as file:
    import_ = transactions.commit(uploading.take_up, kind=%(kind)r, source="bench", name="bench", file=file, actor=maker, at=clock.now(),
                                  branch=Branch.objects.get(), control_total=%(total)s)
""",
    "trial": """
transactions.commit(uploading.map_columns, import_id=import_.pk, places=import_.mapping, actor=maker, at=clock.now())
going_on.go_on(import_id=import_.pk)
import_.refresh_from_db()
assert import_.status == "checked" and import_.trial["counts"]["new"] == %(rows)s, (import_.status, import_.trial, import_.error)
decided(asked(asking.ask), by)
""",
    "run": """
going_on.go_on(import_id=import_.pk)
import_.refresh_from_db()
assert import_.status == "done" and import_.result["counts"]["new"] == %(rows)s, (import_.status, import_.result, import_.error)
""",
    "taking back": """
decided(asked(asking.ask_to_undo), by)
going_on.go_on(import_id=import_.pk)
import_.refresh_from_db()
assert import_.status == "undone", (import_.status, import_.refusal, import_.error)
""",
}


def main() -> None:
    """Make the bank and the files, run each step, tell it on stderr, and print them all."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        _python("import django; django.setup()" + OWNER, DATABASE, "make", database=None)
        _run([sys.executable, "-W", "ignore", "manage.py", "migrate", "--database", "owner", "-v", "0"])
        _python("import django; django.setup()" + FOUND)
        _python(FILES, str(rows), place)
        total = sum(n % 900 + 1 for n in range(rows))
        for kind, file in (("members", "members.xlsx"), ("opening", "opening.csv")):
            said = {
                "kind": kind,
                "file": f"{place}/{file}",
                "rows": rows,
                "total": total if kind == "opening" else None,
            }
            for name, code in STEPS.items():
                if (kind, name) == ("members", "taking back"):
                    continue  # Their points came after them.
                figures[f"{kind}: {name}"] = _python("import django; django.setup()" + (STEP + code) % said)
                print(f"· {kind}: {name}: {figures[f'{kind}: {name}']}", file=sys.stderr, flush=True)
        _python("import django; django.setup()" + OWNER, DATABASE, database=None)
    print(json.dumps({"rows": rows, **figures}, indent=2))


def _python(code: str, *arguments: str, database: str | None = DATABASE) -> dict[str, float]:
    return _run([sys.executable, "-W", "ignore", "-c", code, *arguments], database=database)


def _run(told: list[str], *, database: str | None = DATABASE) -> dict[str, float]:
    """Run a process on the bench's database; return its seconds, its CPU's, and its peak in MB; raises where it fails."""
    began = time.monotonic()
    process = subprocess.Popen(told, cwd=ROOT, env=_variables(database), stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"a step ended with {os.waitstatus_to_exitcode(status)}")
    peak = usage.ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(cpu, 1), "peak_mb": peak}


def _variables(database: str | None) -> dict[str, str]:
    """Return the environment of a process that works on the database, or on the servers' own."""
    own = {**os.environ, "DJANGO_SETTINGS_MODULE": "membership_site.settings"}
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL") if database else ():
        own[name] = urlunsplit(urlsplit(own[name])._replace(path=f"/{database}"))
    return own


if __name__ == "__main__":
    main()
