"""Two new versions of one programme at once: one comes, the other is told that it is out of date; each beside its naive twin."""

import datetime
import threading
import uuid

from foundation import transactions
from foundation.actors import Actor
from foundation.approvals.models import Request
from tests.races.test_deciding import code_of
from tests.races.test_night import at_once
from tests.tiers.rules import (
    APRIL,
    AT,
    FIRST,
    approve,
    ask,
    assemble_committed,
    begin,
    changed,
    rehearsed,
    stored_committed,
)  # fmt: skip
from tiers import drafting, enacting, proposing
from tiers.models import Draft, RuleBook, Withdrawal

ROUNDS = 5
DAY = datetime.timedelta(days=1)


def proposed(rules, document, start=APRIL):
    draft = transactions.commit(rehearsed, rules=rules, document=document)
    return transactions.commit(ask, rules=rules, draft=draft, in_force_from=start)


def approving(made, user):
    return lambda: transactions.commit(approve, made=made, user=user)


def test_two_drafts_approved_at_once_make_one_version(committed):
    rules = assemble_committed()

    for round_ in range(ROUNDS):
        start = APRIL + round_ * DAY
        made = [proposed(rules, changed(1500 + round_), start), proposed(rules, changed(1700 + round_), start)]
        answers = at_once(approving(made[0], rules.qiu), approving(made[1], rules.cao))
        assert sorted(map(code_of, answers)) == ["done", "stale"]
        [approved] = [one for one, answer in zip(made, answers, strict=True) if code_of(answer) == "done"]
        book = RuleBook.objects.get(number=round_ + 2)
        asked = approved.payload["document"]["conditions"][0]["enter"]
        assert book.conditions.get(tier__code="silver", group=1).enter_minimum == asked

    assert RuleBook.objects.count() == ROUNDS + 1
    assert Draft.objects.filter(state="approved").count() == ROUNDS


def test_two_drafts_approved_at_once_naively(committed):
    """Both read the version, both find it as the requesters saw it."""
    rules = assemble_committed()
    made = [proposed(rules, changed(1500)), proposed(rules, changed(1700))]
    together = threading.Barrier(2)

    def look(one):
        seen = one.targets.get().version == enacting.version_of(rules.programme.pk)
        together.wait(timeout=30)
        return seen

    assert at_once(*(lambda one=one: look(one) for one in made)) == [True, True]


def test_a_roll_back_and_a_draft_approved_at_once_make_one_version(committed):
    """They are requests of two kinds, which no lock of the approvals keeps apart."""
    rules = assemble_committed()
    stored_committed(rules, changed(1900), start=AT.date())
    seen = set()

    for _round in range(ROUNDS):
        draft = proposed(rules, changed(1500), APRIL)
        back = transactions.commit(
            proposing.ask_to_roll_back, id=uuid.uuid4(), book=rules.book, protected_until=None, reason="strict",
            actor=Actor(user=rules.pan), at=AT,
        )  # fmt: skip
        before = RuleBook.objects.count()
        answers = at_once(approving(draft, rules.qiu), approving(back, rules.cao))
        assert sorted(map(code_of, answers)) == ["done", "stale"]
        assert RuleBook.objects.count() == before + 1
        seen.add(tuple(map(code_of, answers)))
        latest = RuleBook.objects.latest("number")
        made = transactions.commit(
            proposing.ask_to_withdraw, id=uuid.uuid4(), book=latest, reason="again", actor=Actor(user=rules.pan), at=AT
        )
        transactions.commit(approve, made=made, user=rules.cao)
        for waiting in Request.objects.filter(status="pending"):
            Request.objects.filter(pk=waiting.pk).update(status="stale", settled_at=AT)

    assert Withdrawal.objects.count() == ROUNDS
    assert seen


def test_one_draft_saved_by_two_at_once_keeps_one_and_tells_the_other(committed):
    rules = assemble_committed()
    draft = transactions.commit(begin, rules=rules, document=FIRST)

    def saving(user, silver):
        said = {
            "name": "spring",
            "document": changed(silver),
            "seen": draft.digest,
            "actor": Actor(user=user),
            "at": AT,
        }
        return lambda: transactions.commit(drafting.save, draft_id=draft.pk, **said)

    answers = at_once(saving(rules.pan, 1500), saving(rules.qiu, 1700))

    assert sorted(map(code_of, answers)) == ["done", "draft_changed"]
    kept = Draft.objects.get()
    assert (kept.edited_by, kept.document) == (
        (rules.pan, changed(1500)) if code_of(answers[0]) == "done" else (rules.qiu, changed(1700))
    )


def test_one_draft_saved_by_two_at_once_naively(committed):
    """The last one to write wins, and the first never knows."""
    rules = assemble_committed()
    draft = transactions.commit(begin, rules=rules, document=FIRST)
    together = threading.Barrier(2)

    def save(silver):
        fresh = Draft.objects.get(pk=draft.pk).digest == draft.digest
        together.wait(timeout=30)
        return (
            "done" if fresh and Draft.objects.filter(pk=draft.pk).update(document=changed(silver)) else "draft_changed"
        )

    assert at_once(lambda: save(1500), lambda: save(1700)) == ["done", "done"]
