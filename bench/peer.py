"""The peer: django-hordak's `transfer_to` between accounts, in a database and with settings of its own.

    python -m bench.peer init          make its tables and accounts
    python -m bench.peer run 4 8.0     four clients for eight seconds; prints transfers a second

It runs as a process of its own, since Django takes one set of settings a process. The database is DATABASE_URL's.
"""

import os
import random
import sys
import time
from urllib.parse import urlsplit

ACCOUNTS = 1_000


def main() -> None:
    """Do what the command line asks for."""
    _django()
    if sys.argv[1] == "init":
        return _init()
    from bench import measuring

    print(measuring.per_second(_transfers, clients=int(sys.argv[2]), lasting=float(sys.argv[3])))
    return None


def _django() -> None:
    import django
    from django.conf import settings

    url = urlsplit(os.environ["DATABASE_URL"])
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": url.path.lstrip("/"),
                "HOST": url.hostname,
                "PORT": url.port,
                "USER": url.username,
                "PASSWORD": url.password,
            }
        },
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY="CNY",
    )
    django.setup()


def _init() -> None:
    from django.core.management import call_command
    from hordak.models import Account

    call_command("migrate", verbosity=0)
    for number in range(ACCOUNTS):
        Account.objects.create(name=f"m{number}", type="LI", code=str(number), currencies=["CNY"])
    Account.objects.create(name="issue", type="EX", code="90000", currencies=["CNY"])


def _transfers(client: int, until: float) -> int:
    """Transfer one amount from a random account to the programme's, as an earning would, until the time is over; return how many."""
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    dice, done = random.Random(client), 0
    accounts, issue = list(Account.objects.filter(type="LI")), Account.objects.get(type="EX")
    while time.monotonic() < until:
        with transaction.atomic():
            dice.choice(accounts).transfer_to(issue, Money(48, "CNY"))
        done += 1
    return done


if __name__ == "__main__":
    main()
