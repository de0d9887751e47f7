"""A bank whose rules people change: Pan and Qiu keep the programme, Cao is of compliance; Tian, a teller, may not."""

import dataclasses
import datetime
import uuid
from typing import Any

from foundation import transactions
from foundation.access.models import Branch, Role, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Decision, Request
from foundation.audit.models import AuditEvent
from tests.approvals.cast import posted
from tests.factories import BankFactory, BranchFactory, PointCurrencyFactory, ProgrammeFactory
from tiers import drafting, proposing, reading
from tiers.models import Condition, Draft, Programme, Rehearsal, RuleBook, Series, TierTerms, Withdrawal

# Monday, 2 March 2026, noon in Shanghai: the bank's first business date is open.
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 3, 2)
APRIL = datetime.date(2026, 4, 1)
JUNE = datetime.date(2026, 6, 1)
# A day that no clock of these tests reaches.
FAR = datetime.date(2199, 1, 1)
GROWTH = {"metric": "growth_points", "currency": "growth", "window": "12 months"}
ASSETS = {"metric": "average_assets", "window": "90 days"}
FIRST = {
    "calendar": "month_end",
    "validity_months": 12,
    "downgrade": "grace",
    "grace": "3 months",
    "multipliers": {"gold": "1.5"},
    "conditions": [
        {"tier": "silver", **GROWTH, "enter": 2000, "keep": 1600},
        {"tier": "silver", "group": 2, **ASSETS, "enter": 50000, "keep": 40000},
        {"tier": "gold", **GROWTH, "enter": 6000, "keep": 4800},
        {"tier": "gold", "group": 2, **ASSETS, "enter": 200000},
    ],
}


@dataclasses.dataclass(frozen=True)
class Rules:
    """Version 1 of the programme stands since 2020; Pan and Qiu are its managers."""

    head_office: Branch
    programme: Programme
    book: RuleBook
    pan: User
    qiu: User
    cao: User
    tian: User


def assemble() -> Rules:
    """Open the bank with its people, its programme and version 1."""
    BankFactory(first_business_date=datetime.date(2019, 1, 1), business_date=TODAY)
    PointCurrencyFactory(growth=True)
    PointCurrencyFactory()
    head_office = BranchFactory(code="000")
    programme = ProgrammeFactory()
    return Rules(
        head_office=head_office,
        programme=programme,
        book=stored(programme, FIRST, number=1, start=datetime.date(2020, 1, 1)),
        pan=posted(Role.PROGRAMME_MANAGER, head_office, employee_number="E-PAN"),
        qiu=posted(Role.PROGRAMME_MANAGER, head_office, employee_number="E-QIU"),
        cao=posted(Role.COMPLIANCE, head_office, employee_number="E-CAO"),
        tian=posted(Role.TELLER, head_office, employee_number="E-TIAN"),
    )


def assemble_committed() -> Rules:
    """Do the same, for real, in a transaction."""
    return transactions.commit(assemble)


def stored(programme: Programme, document: dict[str, Any], *, number: int, start: datetime.date) -> RuleBook:
    """Write a version as if it had been approved long ago."""
    ladder = reading.ladder_of(document=document, programme=programme, in_force_from=start)
    book = ladder.rule_book
    book.number, book.created_at = number, AT
    book.save()
    TierTerms.objects.bulk_create(ladder.terms)
    reading.share_series(ladder.conditions)
    Condition.objects.bulk_create(ladder.conditions)
    return book


def stored_committed(rules: Rules, document: dict[str, Any], *, start: datetime.date) -> RuleBook:
    """Write the next version as if it had been approved, for real."""
    return transactions.commit(stored, programme=rules.programme, document=document, number=2, start=start)


def begin(
    rules: Rules, document: dict[str, Any] | None = None, *, by: User | None = None, name: str = "spring"
) -> Draft:
    return drafting.begin(
        programme=rules.programme,
        name=name,
        document=FIRST if document is None else document,
        based_on=rules.book,
        actor=Actor(user=by or rules.pan),
        at=AT,
    )


def changed(silver: int = 1500, **terms: Any) -> dict[str, Any]:
    """Return the first rules with another minimum for silver, and other terms."""
    first, *others = FIRST["conditions"]
    return FIRST | {"conditions": [first | {"enter": silver, "keep": min(silver, 1400)}, *others]} | terms


def ask(rules: Rules, draft: Draft, **more: Any) -> Request:
    """Let Pan ask for a draft, from April on."""
    said = {
        "id": uuid.uuid4(), "seen": draft.digest, "in_force_from": APRIL, "protected_until": None,
        "reason": "fewer points, more members", "actor": Actor(user=rules.pan), "at": AT,
    }  # fmt: skip
    return proposing.ask(draft_id=draft.pk, **said | more)


def rehearsed(rules: Rules, document: dict[str, Any], **more: Any) -> Draft:
    """Begin a draft and rehearse it."""
    draft = begin(rules, document, **more)
    rehearse(draft)
    return draft


def approve(made: Request, user: User, *, at: datetime.datetime = AT) -> Decision:
    return deciding.approve(request_id=made.pk, seen_hash=made.payload_hash, comment="", actor=Actor(user=user), at=at)


def enact(rules: Rules, document: dict[str, Any], *, start: datetime.date = APRIL, **more: Any) -> RuleBook:
    """Take a document the whole way: draft, rehearsal, request of Pan, approval of Qiu."""
    made = ask(rules, rehearsed(rules, document), in_force_from=start, **more)
    decision = approve(made, rules.qiu, at=more.get("at", AT))
    return RuleBook.objects.get(pk=decision.result["rule_book"])


def rehearse(draft: Draft, *, starts_on: datetime.date = datetime.date(2025, 3, 2)) -> Rehearsal:
    """Keep a rehearsal of a draft that came to its end: of 100 members 7 would rise and 2 fall, for 1,234 points more."""
    return Rehearsal.objects.create(
        programme=draft.programme,
        document=draft.document,
        digest=draft.digest,
        months=12,
        starts_on=starts_on,
        ends_on=TODAY,
        dates=12,
        members=100,
        expected_seconds=1,
        status=Rehearsal.Status.DONE,
        started_by="pan",
        started_at=AT,
        finished_at=AT,
        result={
            "members": 100,
            "winners": 7,
            "losers": 2,
            "matrix": {
                "standard": {"standard": 60, "silver": 7, "gold": 0},
                "silver": {"standard": 2, "silver": 21, "gold": 0},
                "gold": {"standard": 0, "silver": 0, "gold": 10},
            },
            "cost": {
                "multipliers": [
                    {"currency": "points", "points": 1234, "amount_minor": 2468},
                    {"currency": "growth", "points": 5, "amount_minor": None},
                ],
                "benefits": None,
            },
        },
    )


def picture() -> dict[str, Any]:
    """Return everything that a refusal must leave as it was."""
    models = (RuleBook, TierTerms, Condition, Series, Withdrawal)
    return {
        **{model.__name__: model.objects.count() for model in models},
        "drafts": list(Draft.objects.order_by("pk").values_list("pk", "name", "digest", "state", "rule_book")),
        "requests": list(Request.objects.order_by("id").values_list("id", "status")),
        "events": AuditEvent.objects.count(),
    }
