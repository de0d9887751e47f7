"""From draft to version: saved, rehearsed, asked for, approved, in force from a date; withdrawn, or rolled back."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from foundation.actors import Actor
from foundation.approvals import kinds, requesting
from foundation.approvals.deciding import MayNotDecide, OwnRequest
from foundation.approvals.requesting import AlreadyRequested, MayNotRequest, Stale
from foundation.audit.models import AuditEvent
from tests.tiers.rules import (
    APRIL,
    AT,
    FIRST,
    JUNE,
    TODAY,
    approve,
    ask,
    assemble,
    begin,
    changed,
    enact,
    picture,
    rehearsed,
    stored,
)  # fmt: skip
from tiers import documents, drafting, enacting, proposing, reading, rehearsing
from tiers.compiling import ladders_in_force, load
from tiers.models import Draft, Rehearsal, RuleBook, Series, Withdrawal

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
APRIL_AT = datetime.datetime(2026, 4, 1, 4, tzinfo=datetime.UTC)


@pytest.fixture
def rules():
    return assemble()


def numbers(day):
    return [ladder.rule_book.number for ladder in ladders_in_force(as_of=day)]


def document_in_force(day):
    [ladder] = ladders_in_force(as_of=day)
    return documents.document_of(ladder)


def test_a_draft_becomes_the_next_version_with_all_it_says(rules):
    draft = rehearsed(rules, changed(silver=1500, multipliers={"silver": "1.1", "gold": 2}))
    made = ask(rules, draft, protected_until=JUNE)

    approve(made, rules.qiu)

    book = RuleBook.objects.get(number=2)
    draft.refresh_from_db()
    assert (book.in_force_from, book.protected_until) == (APRIL, JUNE)
    assert reading.ladder_of(document=document_in_force(APRIL), programme=rules.programme, in_force_from=APRIL)
    assert document_in_force(APRIL)["conditions"][0]["enter"] == 1500
    assert document_in_force(APRIL - DAY)["conditions"][0]["enter"] == 2000
    assert (numbers(APRIL - DAY), numbers(APRIL)) == ([1], [2])
    assert (draft.state, draft.rule_book) == ("approved", book)
    assert Series.objects.count() == 2
    assert sorted(AuditEvent.objects.values_list("verb", flat=True)) == [
        "approvals.approve", "approvals.request", "tiers.begin_draft",
    ]  # fmt: skip


def test_an_approval_takes_as_many_statements_for_a_large_rule_book(rules, django_assert_max_num_queries):
    large = changed(
        conditions=[
            {**one, "group": group, "metric": metric} | ({"selection": [f"kind {group}"]} if metric != "tenure" else {})
            for group in range(1, 60)
            for metric in ("transaction_count",)
            for one in (
                {"tier": "silver", "window": "12 months", "enter": 1},
                {"tier": "gold", "window": "12 months", "enter": 2},
            )
        ]
    )
    made = ask(rules, rehearsed(rules, large))

    with django_assert_max_num_queries(60):
        approve(made, rules.qiu)

    assert RuleBook.objects.get(number=2).conditions.count() == 118
    assert Series.objects.count() == 61


@pytest.mark.parametrize("who", ["qiu", "cao"])
def test_another_manager_or_compliance_decides(rules, who):
    made = ask(rules, rehearsed(rules, changed()))

    approve(made, getattr(rules, who))

    assert numbers(APRIL) == [2]


def test_nobody_decides_on_his_own_rules_and_a_teller_neither_asks_nor_decides(rules):
    draft = rehearsed(rules, changed())
    made = ask(rules, draft)
    before = picture()

    with pytest.raises(OwnRequest):
        approve(made, rules.pan)
    with pytest.raises(MayNotDecide):
        approve(made, rules.tian)
    other = rehearsed(rules, changed(1700))
    kept = picture()
    with pytest.raises(MayNotRequest), transaction.atomic():
        ask(rules, other, actor=Actor(user=rules.tian))

    assert picture() == kept
    assert (before["RuleBook"], numbers(APRIL)) == (1, [1])


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"in_force_from": TODAY}, enacting.StartTooEarly),
        ({"in_force_from": datetime.date(2021, 1, 1)}, enacting.StartTooEarly),
        ({"protected_until": APRIL}, enacting.ProtectionTooEarly),
        ({"seen": "0" * 64}, drafting.DraftChanged),
        ({"draft_id": 0}, drafting.NoSuchDraft),
        ({"reason": " "}, requesting.ReasonMissing),
    ],
)
def test_what_cannot_come_into_force_is_not_asked_for(rules, more, refusal):
    draft = rehearsed(rules, changed())
    before = picture()

    with pytest.raises(refusal):
        said = {
            "id": uuid.uuid4(),
            "draft_id": draft.pk,
            "seen": draft.digest,
            "in_force_from": APRIL,
            "protected_until": None,
        }
        proposing.ask(**said | {"reason": "why", "actor": Actor(user=rules.pan), "at": AT} | more)

    assert picture() == before


def test_only_exactly_what_was_rehearsed_is_asked_for(rules):
    draft = rehearsed(rules, changed())
    by = {"actor": Actor(user=rules.pan), "at": AT}
    edited = drafting.save(draft_id=draft.pk, name="spring", document=changed(1499), seen=draft.digest, **by)
    before = picture()

    with pytest.raises(proposing.NotRehearsed):
        ask(rules, edited)
    unchanged = picture() == before
    again = drafting.save(draft_id=draft.pk, name="spring", document=changed(), seen=edited.digest, **by)

    assert unchanged
    assert ask(rules, again).payload["document"] == changed()


def test_a_proposal_says_what_changes_who_moves_and_what_it_costs(rules):
    made = ask(rules, rehearsed(rules, changed()), protected_until=JUNE)

    described = kinds.kind_of(made.kind).describe(made.payload, user=rules.cao, as_of=TODAY)

    assert made.worth_minor == 2468
    assert described.sentence == (
        "Put new rules of Loyalty in force from 1 April 2026, in place of version 1. Nobody goes down before 1 June 2026."
    )
    assert described.impact == "Of 100 members 7 would stand higher and 2 lower."
    assert [(one.target, one.what, one.before, one.after) for one in described.changes] == [
        ("Silver", "growth points in the last 12 months, to enter", "2,000", "1,500"),
        ("Silver", "growth points in the last 12 months, to keep", "1,600", "1,400"),
        ("Rehearsal", "Standard → Silver", "", "7"),
        ("Rehearsal", "Silver → Standard", "", "2"),
    ]


def test_what_a_request_says_stays_true_when_it_is_done(rules):
    made = ask(rules, rehearsed(rules, changed()))
    of = kinds.kind_of(made.kind)
    before = of.describe(made.payload, user=rules.cao, as_of=TODAY)

    approve(made, rules.cao)

    assert of.describe(made.payload, user=rules.cao, as_of=APRIL + DAY) == before


def test_the_first_possible_day_is_said(rules):
    with pytest.raises(enacting.StartTooEarly, match="3 March 2026") as refused:
        ask(rules, rehearsed(rules, changed()), in_force_from=TODAY)

    assert (refused.value.code, refused.value.field) == ("start_too_early", "in_force_from")
    assert enacting.first_start(as_of=TODAY) == TODAY + DAY
    assert enacting.first_start(as_of=TODAY - 30 * DAY) == TODAY + DAY
    assert enacting.first_start(as_of=TODAY + 9 * DAY) == TODAY + 10 * DAY


def test_what_waits_too_long_is_refused_at_the_decision_and_the_request_still_waits(rules):
    made = ask(rules, rehearsed(rules, changed()), in_force_from=TODAY + 3 * DAY)
    before = picture()

    with pytest.raises(enacting.StartTooEarly):
        approve(made, rules.qiu, at=AT + 3 * DAY)

    assert picture() == before


def test_a_half_finished_draft_is_kept_and_neither_asked_for_nor_read(rules):
    draft = begin(rules, changed(conditions=[{"tier": "silver"}], wishes=3))

    with pytest.raises(reading.InvalidRuleBook) as refused:
        ask(rules, draft)

    assert "wishes: is not known here" in refused.value.complaints
    assert Draft.objects.get().document["wishes"] == 3


def test_a_draft_is_saved_over_what_was_seen_only(rules):
    draft = begin(rules, changed())
    by = {"actor": Actor(user=rules.qiu), "at": AT}
    drafting.save(draft_id=draft.pk, name="summer", document=changed(1700), seen=draft.digest, **by)
    before = picture()

    with pytest.raises(drafting.DraftChanged):
        drafting.save(draft_id=draft.pk, name="mine", document=changed(1800), seen=draft.digest, **by)
    with pytest.raises(drafting.NameMissing):
        drafting.save(draft_id=draft.pk, name=" ", document={}, seen=Draft.objects.get().digest, **by)
    with pytest.raises(drafting.TooManyConditions):
        drafting.save(
            draft_id=draft.pk, name="x", document={"conditions": [{}] * 401}, seen=Draft.objects.get().digest, **by
        )

    assert picture() == before
    assert (Draft.objects.get().name, Draft.objects.get().edited_by) == ("summer", rules.qiu)


def test_saving_what_stands_leaves_no_trail(rules):
    draft = begin(rules, changed())
    before = picture()

    drafting.save(
        draft_id=draft.pk, name="spring", document=changed(), seen=draft.digest, actor=Actor(user=rules.qiu), at=AT
    )

    assert picture() == before


def test_a_draft_that_waits_is_frozen_and_free_again_when_taken_back(rules):
    draft = rehearsed(rules, changed())
    made = ask(rules, draft)
    by = {"actor": Actor(user=rules.pan), "at": AT}
    edit = {"draft_id": draft.pk, "name": "x", "document": changed(1700), "seen": draft.digest}
    before = picture()

    with pytest.raises(drafting.DraftAsked):
        drafting.save(**edit, **by)
    with pytest.raises(drafting.DraftAsked):
        drafting.discard(draft_id=draft.pk, **by)
    with pytest.raises(drafting.DraftAsked):
        ask(rules, draft)
    unchanged = picture() == before
    requesting.withdraw(request_id=made.pk, **by)
    drafting.save(**edit, **by)

    assert unchanged
    assert Draft.objects.get().name == "x"


def test_the_same_request_again_is_the_first(rules):
    draft, one = rehearsed(rules, changed()), uuid.uuid4()

    assert ask(rules, draft, id=one).pk == ask(rules, draft, id=one).pk == one


def test_a_draft_set_aside_stays_to_be_read(rules):
    draft = rehearsed(rules, changed())
    by = {"actor": Actor(user=rules.pan), "at": AT}
    drafting.discard(draft_id=draft.pk, **by)

    with pytest.raises(drafting.DraftClosed):
        drafting.discard(draft_id=draft.pk, **by)

    assert (Draft.objects.get().state, Draft.objects.open().count()) == ("set_aside", 0)


def test_a_proposal_is_stale_when_another_version_came(rules):
    waiting = ask(rules, rehearsed(rules, changed()), in_force_from=JUNE)
    enact(rules, changed(1700))
    before = picture()

    with pytest.raises(Stale):
        approve(waiting, rules.qiu)

    assert picture() == before


def test_a_version_follows_the_latest_one_that_stands(rules):
    enact(rules, changed(), start=JUNE)
    draft = rehearsed(rules, changed(1700))

    with pytest.raises(enacting.StartNotAfterLatest, match="Version 2 starts on 1 June 2026"):
        ask(rules, draft, in_force_from=JUNE)
    enact(rules, changed(1800), start=JUNE + DAY)

    assert [numbers(day) for day in (JUNE - DAY, JUNE, JUNE + DAY)] == [[1], [2], [3]]


def withdraw(rules, book, **more):
    said = {"id": uuid.uuid4(), "reason": "the wrong minimum", "actor": Actor(user=rules.pan), "at": AT}
    return proposing.ask_to_withdraw(book=book, **said | more)


def test_a_version_to_come_is_withdrawn_stays_to_be_read_and_leaves_its_day_free(rules):
    book = enact(rules, changed())
    made = withdraw(rules, book)
    before = numbers(APRIL)

    approve(made, rules.cao)
    again = enact(rules, changed(1700))

    assert (before, numbers(APRIL)) == ([2], [3])
    assert (book.number, again.number, again.in_force_from) == (2, 3, APRIL)
    kept = Withdrawal.objects.get()
    assert (kept.rule_book, kept.reason, kept.request_id, kept.withdrawn_on) == (
        book,
        "the wrong minimum",
        made.pk,
        TODAY,
    )
    [ladder] = load([book])
    assert documents.document_of(ladder)["conditions"][0]["enter"] == 1500
    with pytest.raises(enacting.AlreadyWithdrawn):
        withdraw(rules, book)


def test_a_version_in_force_is_not_withdrawn(rules):
    book = enact(rules, changed())
    made = withdraw(rules, book, at=APRIL_AT - 5 * DAY)

    with pytest.raises(enacting.InForceAlready):
        withdraw(rules, rules.book)
    before = picture()
    with pytest.raises(enacting.InForceAlready):
        approve(made, rules.cao, at=APRIL_AT - DAY + datetime.timedelta(hours=20))

    assert picture() == before
    assert numbers(APRIL) == [2]


def test_a_withdrawal_is_asked_for_once(rules):
    book = enact(rules, changed())
    withdraw(rules, book)

    with pytest.raises(AlreadyRequested):
        withdraw(rules, book)


def back(rules, book, **more):
    said = {
        "id": uuid.uuid4(),
        "protected_until": None,
        "reason": "too strict",
        "actor": Actor(user=rules.pan),
        "at": APRIL_AT,
    }
    return proposing.ask_to_roll_back(book=book, **said | more)


def test_a_roll_back_is_a_new_version_equal_to_the_old_one_from_the_next_day(rules):
    enact(rules, changed(multipliers={"gold": 3}))
    made = back(rules, rules.book, protected_until=JUNE)

    approve(made, rules.cao, at=APRIL_AT)

    book = RuleBook.objects.get(number=3)
    assert (book.in_force_from, book.protected_until) == (APRIL + DAY, JUNE)
    assert document_in_force(APRIL + DAY) == document_in_force(APRIL - DAY)
    assert document_in_force(APRIL)["multipliers"] == {"gold": 3}
    assert [numbers(day) for day in (APRIL - DAY, APRIL, APRIL + DAY)] == [[1], [2], [3]]


def test_there_is_a_way_back_only_to_what_was_in_force(rules):
    second = enact(rules, changed())
    third = enact(rules, changed(1700), start=JUNE)
    approve(withdraw(rules, third), rules.cao)
    before = picture()

    for book in (second, third):
        with pytest.raises(proposing.NothingToGoBackTo):
            back(rules, book)

    assert picture() == before


def test_a_roll_back_waits_for_the_withdrawal_of_what_is_to_come(rules):
    enact(rules, changed())
    third = enact(rules, changed(1700), start=JUNE)
    before = picture()

    with pytest.raises(enacting.StartNotAfterLatest):
        back(rules, rules.book)

    assert picture() == before
    approve(withdraw(rules, third), rules.cao)
    approve(back(rules, rules.book), rules.cao, at=APRIL_AT)
    assert numbers(JUNE) == [4]


def test_a_rehearsal_of_the_rules_in_force_leaves_out_what_was_withdrawn(rules):
    approve(withdraw(rules, enact(rules, changed())), rules.cao)
    enact(rules, changed(1700), start=APRIL + DAY)

    plan = rehearsing.plan_of(Rehearsal(programme=rules.programme, starts_on=TODAY, ends_on=JUNE))

    assert [ladder.rule_book.number for ladder in plan.ladders] == [1, 3]


def test_a_quantity_that_no_rule_counted_is_rolled_up_before_its_first_review(rules):
    products = [
        {"tier": tier, "metric": "products_held", "enter": count} for tier, count in (("silver", 2), ("gold", 3))
    ]

    book = enact(rules, changed(conditions=products), start=enacting.first_start(as_of=TODAY))

    series = Series.objects.get(metric="products_held")
    assert (series.counted_from, book.in_force_from) == (TODAY, TODAY + DAY)


def test_an_id_of_somebody_elses_request_is_taken(rules):
    one = uuid.uuid4()
    ask(rules, rehearsed(rules, changed()), id=one)
    before = picture()

    with pytest.raises(requesting.RequestIdTaken):
        ask(rules, Draft.objects.get(), id=one, actor=Actor(user=rules.qiu))

    assert picture() == before


def test_the_database_keeps_starts_apart_and_withdrawals_in_time(rules):
    book = stored(rules.programme, changed(), number=2, start=APRIL)

    with pytest.raises(IntegrityError, match="another version starts on that day"), transaction.atomic():
        stored(rules.programme, FIRST, number=3, start=APRIL)
    with pytest.raises(IntegrityError, match="this version is in force"), transaction.atomic():
        Withdrawal.objects.create(rule_book=book, reason="x", request_id=uuid.uuid4(), withdrawn_on=APRIL)
    Withdrawal.objects.create(rule_book=book, reason="x", request_id=uuid.uuid4(), withdrawn_on=TODAY)
    stored(rules.programme, FIRST, number=3, start=APRIL)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tiers_withdrawal")
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tiers_draft")

    assert numbers(APRIL) == [3]
