"""Looking back: a past review repeated by the facts of its time gives what was decided, whatever has arrived since."""

import pytest
from django.db import connection

from foundation.actors import Actor
from tests.factories import BankFactory, MemberFactory
from tests.tiers.history import DAY, FIRST, History
from tiers import repeating, reviewing
from tiers.models import Decision, LateJump, RunningTotal, Standing

pytestmark = pytest.mark.django_db
LAST = 2**63 - 1


@pytest.fixture(autouse=True)
def bank():
    BankFactory(first_business_date=FIRST)


def again(as_of, *, first=1, last=LAST):
    return repeating.review_again(as_of=as_of, first_member=first, last_member=last)


def live():
    """Return every row that a replay must leave alone."""
    return [list(model.objects.order_by("pk").values_list()) for model in (Standing, Decision, RunningTotal, LateJump)]


@pytest.mark.parametrize("seed", range(4))
def test_every_review_repeated_gives_the_stored_decisions(seed):
    """Late facts, corrections, clawbacks, closed accounts, a new rule book half-way, protections."""
    history = History(seed=seed)
    history.close_all()
    before = live()

    differences = {night: again(FIRST + night * DAY) for night in range(history.length)}

    assert {night: found for night, found in differences.items() if found} == {}
    assert live() == before
    assert Decision.objects.count() > 20
    assert LateJump.objects.count() > 20


def test_facts_of_today_would_have_decided_otherwise():
    """The same reviews by all facts known now differ: what the late jumps take away is not nothing."""
    history = History(seed=1)
    history.close_all()
    LateJump.objects.all().delete()

    assert any(again(FIRST + night * DAY) for night in range(history.length))


def test_a_decision_that_the_facts_do_not_give_is_found():
    history = History(seed=2)
    history.close_all()
    decision = Decision.objects.filter(outcome="upgraded").order_by("as_of").first()
    stranger = MemberFactory(joined_on=FIRST)
    Decision.objects.create(
        member=stranger, programme=decision.programme, as_of=decision.as_of, from_tier=decision.from_tier,
        to_tier=decision.to_tier, outcome="upgraded", figures={}, rule_book=decision.rule_book,
    )  # fmt: skip

    [difference] = again(decision.as_of)

    assert (difference.member_id, difference.programme) == (stranger.pk, decision.programme.code)
    assert again(decision.as_of, last=stranger.pk - 1) == []


def test_one_date_takes_as_many_statements_for_one_member_as_for_many(django_assert_num_queries):
    history = History(seed=3, length=12)
    history.close_all()
    one = history.members[0].pk

    with django_assert_num_queries(11) as counted:
        again(FIRST + 10 * DAY, first=one, last=one)
    with django_assert_num_queries(len(counted)):
        again(FIRST + 10 * DAY)


def test_the_nightly_review_asks_for_no_late_jumps():
    history = History(seed=1, length=2)
    history.close_all()

    with connection.execute_wrapper(seen := Seen()):
        reviewing.review(as_of=FIRST + 2 * DAY, first_member=1, last_member=LAST, run=None, actor=Actor.job("night"))

    assert [sql for sql in seen.statements if "tiers_latejump" in sql] == []
    assert any("tiers_runningtotal" in sql for sql in seen.statements)


class Seen:
    """Keeps the statements run in it."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute, sql, *arguments):
        self.statements.append(sql)
        return execute(sql, *arguments)
