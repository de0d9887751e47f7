"""Connections that end at any moment: no half effects."""

import random
import time

from django.db import connection

from points.models import Purse
from tests.factories import MemberFactory
from tests.points.cast import open_bank
from tests.tellers import Counter


def test_connections_cut_at_random_have_no_half_effects(committed):
    """C11: some backend ends at any moment of its transaction; asked again under its key, everything is there once."""
    wang, points = open_bank()
    counter = Counter([wang, *MemberFactory.create_batch(7, branch=wang.branch)], points)
    chance = random.Random(20261125)
    cut = 0

    with counter.open(), connection.cursor() as cursor:
        while cut < 40:
            time.sleep(chance.uniform(0.005, 0.05))
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND usename = current_user AND state <> 'idle' ORDER BY pid"
            )
            busy = [pid for [pid] in cursor.fetchall()]
            if busy:
                cursor.execute("SELECT pg_terminate_backend(%s)", [chance.choice(busy)])
                cut += cursor.fetchone()[0]

    assert counter.lost > 20
    assert counter.nothing_is_lost()
    assert Purse.objects.count() <= 8
