"""Tellers at work while something breaks: they ask again under the same key until they are answered."""

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, connection, connections

from points.models import Entry
from tests.points.cast import asked, books_ok
from tests.races.test_posting import commit

TELLERS = 4
LOST = (OperationalError, InterfaceError)


class Counter:
    """Tellers that post earnings one by one until they are told to stop, each again under its key until it is acknowledged."""

    def __init__(self, members, points) -> None:
        self.members, self.points = members, points
        self.acknowledged: list[uuid.UUID] = []
        self.over, self.lost, self.wrong = threading.Event(), 0, []
        self.tellers = [threading.Thread(target=self.serve, args=(number,)) for number in range(TELLERS)]

    def serve(self, number: int) -> None:
        chance = random.Random(number)
        try:
            while not self.over.is_set():
                self.earn(asked(chance.choice(self.members), self.points, chance.randint(1, 50)))
        except Exception as error:
            self.wrong.append(error)
        finally:
            connections.close_all()

    def earn(self, posting) -> None:
        while True:
            try:
                [answer] = commit(posting)
            except LOST:
                self.lost += 1
                connection.close()
                time.sleep(0.05)
                continue
            assert answer.outcome in {"posted", "duplicate"}
            self.acknowledged.append(posting.key)
            return

    @contextlib.contextmanager
    def open(self) -> Iterator["Counter"]:
        for teller in self.tellers:
            teller.start()
        try:
            yield self
        finally:
            self.over.set()
            for teller in self.tellers:
                teller.join(timeout=60)

    def nothing_is_lost(self) -> bool:
        assert self.wrong == []
        keys = list(
            Entry.objects.filter(member_id__in=[who.pk for who in self.members]).values_list("event_key", flat=True)
        )
        assert sorted(keys) == sorted(self.acknowledged)
        return books_ok()
