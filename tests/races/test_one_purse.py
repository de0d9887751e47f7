"""Who else is at a purse: a membership that closes, staff, member and reversals; each beside its naive twin."""

import random
import threading
import time
import uuid
from collections import Counter

import pytest
from django.db import connection, transaction
from django.db.models import F

from foundation.transactions import commit as committing
from members.models import Member
from points import holding, ledger
from points.holding import Aside
from points.models import Entry, Kind, Purse
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank
from tests.points.test_defences import as_owner
from tests.races.test_holding import LATER, NOON
from tests.races.test_night import at_once
from tests.races.test_posting import commit, in_rounds

SECONDS = 3.0


def close_membership(member):
    """Close a membership as a verb will: one conditional update."""
    with transaction.atomic():
        return Member.objects.filter(pk=member.pk, status="active").update(status="closed", closed_on=MONDAY)


def test_a_membership_closes_while_its_earnings_run(committed):
    """A11: each earning has landed or was refused, none stands beside a purse; once the close is done, none lands any more."""
    _wang, points = open_bank()
    crowd = MemberFactory.create_batch(20, branch=MemberFactory().branch)

    def earn(number):
        return [commit(asked(crowd[number], points, 3))[0].outcome for _ in range(3)]

    rounds = in_rounds(len(crowd), earn, earn, lambda number: time.sleep(0.004) or close_membership(crowd[number]))

    landed = 0
    for *earned, closed in rounds:
        assert closed == 1
        for answers in earned:
            assert set(answers) <= {"posted", "unknown_purse"}
            assert answers == sorted(answers)  # never posted after it was refused
            landed += answers.count("posted")
    assert Entry.objects.count() == landed
    assert {commit(asked(who, points, 3))[0].outcome for who in crowd} == {"unknown_purse"}
    assert Entry.objects.count() == landed
    assert books_ok()


def test_a_membership_closes_while_its_earnings_run_naively(committed):
    """Who asks for the membership first and writes then, writes after its close."""
    wang, points = open_bank()
    commit(asked(wang, points, 1))
    as_owner("ALTER TABLE members_member DISABLE TRIGGER keep_gates")
    read, closed = threading.Event(), threading.Event()

    def earn():
        is_active = Member.objects.filter(pk=wang.pk, status="active").exists()
        read.set()
        closed.wait(timeout=30)
        if is_active:
            Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(
                available=F("available") + 3, credited=F("credited") + 3
            )
        return "posted"

    def close():
        read.wait(timeout=30)
        close_membership(wang)
        closed.set()
        return "closed"

    assert at_once(earn, close) == ["posted", "closed"]
    assert Member.objects.get(pk=wang.pk).status == "closed"
    assert Purse.objects.get().available == 4


@pytest.fixture
def saver(committed):
    """Wang with 100 points, and their currency."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    return wang, points


def somebody_waits():
    """Wait until another connection waits for a lock; tell whether one does."""
    for _ in range(600):
        with connection.cursor() as cursor:
            # Inside a transaction what was seen of the others is kept otherwise.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() != (0,):
                return True
        time.sleep(0.05)
    return False


def closes_amid_a_posting(wang, points):
    """Post without committing yet, and close meanwhile, until it has to wait: return what the posting answered."""
    posted = threading.Event()

    def post_slowly():
        with transaction.atomic():
            [answer] = ledger.post([asked(wang, points, 3)], actor=CLERK)
            posted.set()
            assert somebody_waits()
        return answer.outcome

    def close():
        posted.wait(timeout=30)
        return close_membership(wang)

    return at_once(post_slowly, close)


def test_a_membership_closes_after_what_is_being_booked(saver):
    """The close waits for the purse, so that no entry is committed after it."""
    wang, points = saver

    assert closes_amid_a_posting(wang, points) == ["posted", 1]

    purse = Purse.objects.get()
    assert (purse.closed_credited, purse.closed_spent, Member.objects.get(pk=wang.pk).status) == (103, 0, "closed")
    assert commit(asked(wang, points, 3))[0].outcome == "unknown_purse"
    assert books_ok()


def test_a_membership_closes_before_what_is_being_booked_naively(saver):
    """Who closes without the purse is done first, and an entry of a closed membership is committed after it."""
    wang, points = saver
    as_owner("ALTER TABLE members_member DISABLE TRIGGER keep_gates")

    with transaction.atomic():
        [answer] = ledger.post([asked(wang, points, 3)], actor=CLERK)
        assert at_once(lambda: close_membership(wang)) == [1]

    assert (answer.outcome, Purse.objects.get().credited) == ("posted", 103)


def books_amid_a_close(wang, points, amount):
    """Close without committing yet, and post meanwhile, until it has to wait: return what the posting answered."""
    closing = threading.Event()

    def close_slowly():
        with transaction.atomic():
            close_membership(wang)
            closing.set()
            assert somebody_waits()

    def post():
        closing.wait(timeout=30)
        return commit(asked(wang, points, amount))[0].outcome

    return at_once(close_slowly, post)


@pytest.mark.parametrize("amount", [3, -3])
def test_who_waits_for_a_purse_while_its_membership_closes_is_refused(saver, amount):
    """It has looked at the membership before it gets the purse: the purse itself stops it, and posted again it is told."""
    wang, points = saver

    assert books_amid_a_close(wang, points, amount) == [None, "unknown_purse"]

    assert Entry.objects.count() == 1
    assert books_ok()


def test_who_waits_for_a_purse_while_its_membership_closes_books_naively(saver):
    """Where the purse doesn't know that it is closed, who has looked before books after."""
    wang, points = saver
    as_owner("ALTER TABLE points_purse DROP CONSTRAINT closed_purse_takes_nothing")
    as_owner(
        "CREATE OR REPLACE FUNCTION members_gates(status text, accepted_at timestamptz, cools_off_until timestamptz)"
        " RETURNS TABLE (no_earning text, no_spending text) LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text, NULL::text'"
    )

    assert books_amid_a_close(wang, points, 3) == [None, "posted"]

    assert Entry.objects.count() == 2


def test_a_first_post_waits_for_the_close_of_its_membership(committed):
    """There is no purse yet that could stop it: it waits for the membership, and opens none."""
    wang, points = open_bank()

    assert books_amid_a_close(wang, points, 3) == [None, "unknown_purse"]

    assert not Purse.objects.exists()
    assert not Entry.objects.exists()


def test_a_close_waits_for_the_first_post_of_its_membership(committed):
    """What the post finds open stays so until it is done; then the close finds its purse."""
    wang, points = open_bank()

    assert closes_amid_a_posting(wang, points) == ["posted", 1]

    purse = Purse.objects.get()
    assert (purse.closed_credited, purse.closed_spent) == (3, 0)
    assert commit(asked(wang, points, 3))[0].outcome == "unknown_purse"
    assert books_ok()


def test_a_first_post_commits_after_the_close_naively(committed):
    """Where the membership is looked at without a lock, the close finds no purse, and one that is open is left behind."""
    wang, points = open_bank()
    [definition] = connection_one("SELECT pg_get_functiondef('points_post'::regproc)")
    assert "FOR SHARE OF m" in definition
    as_owner(definition.replace("FOR SHARE OF m", "").replace("%", "%%"))

    with transaction.atomic():
        [answer] = ledger.post([asked(wang, points, 3)], actor=CLERK)
        assert at_once(lambda: close_membership(wang)) == [1]

    assert (answer.outcome, Purse.objects.get().closed_credited) == ("posted", None)


def connection_one(query):
    """Return the one row of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def test_staff_member_partner_and_reversals_on_one_purse(committed):
    """A17: adjustments, spends, holds and clawbacks of single credits, each asked twice, for some seconds of chance."""
    seed = 20261125
    print(f"seed {seed}")
    wang, points = open_bank()
    commit(asked(wang, points, 500))
    until = time.monotonic() + SECONDS
    told = Counter()

    def doing(number, what):
        chance = random.Random(seed + number)
        while time.monotonic() < until:
            what(chance)

    def once(posting):
        """Post it, and again as a client does whose line was cut."""
        first, again = commit(posting)[0], commit(posting)[0]
        assert (first.outcome, again.outcome) in {
            ("posted", "duplicate"),
            ("insufficient", "insufficient"),
            ("insufficient", "posted"),
        }
        posted = first if first.outcome == "posted" else again
        if posted.outcome == "posted":
            told[posting.points > 0] += abs(posting.points)
        return posted

    def staff(chance):
        once(asked(wang, points, chance.choice((-1, 1)) * chance.randint(1, 60), kind=Kind.ADJUST))

    def spend(chance):
        once(asked(wang, points, -chance.randint(1, 120)))

    def earn_and_reverse(chance):
        earned = asked(wang, points, chance.randint(1, 90))
        number = once(earned).number
        once(asked(wang, points, -earned.points, kind=Kind.CLAWBACK, takes_first=number))

    def hold(chance):
        key = uuid.UUID(int=chance.getrandbits(128))
        aside = Aside(
            member_id=wang.pk,
            currency_id=points.pk,
            key=key,
            points=chance.randint(1, 80),
            lapses_at=LATER,
            cause=f"p/{key}",
        )
        committing(holding.hold, batch=[aside], today=MONDAY, actor=CLERK)
        holds = [(wang.pk, points.pk, key)]
        if chance.random() < 0.5:
            committing(holding.release, holds=holds, today=MONDAY, actor=CLERK)
        elif committing(holding.capture, holds=holds, occurred_on=MONDAY, at=NOON, actor=CLERK)[0].outcome == "posted":
            told[False] += aside.points

    doers = [staff, spend, earn_and_reverse, earn_and_reverse, hold]
    done = at_once(*(lambda n=n, doer=doer: doing(n, doer) for n, doer in enumerate(doers)))

    assert done == [None] * len(doers)
    purse = Purse.objects.get()
    back = sum(Entry.objects.filter(cause__contains="/lot/").values_list("points", flat=True))
    assert purse.credited == 500 + told[True] + back
    assert purse.debited == told[False] + back
    assert purse.held == 0
    assert books_ok()


def test_staff_and_member_on_one_purse_naively(committed):
    """Both read, both write what they thought: the correction is gone."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    together = threading.Barrier(2)

    def change(by):
        purse = Purse.objects.using("owner").get()
        together.wait(timeout=30)
        Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(
            available=purse.available + by, debited=purse.debited - by
        )

    at_once(lambda: change(-30), lambda: change(-50))

    assert Purse.objects.get().available in {50, 70}
