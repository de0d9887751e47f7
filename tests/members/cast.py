"""A bank that asks for consents, a newcomer with a phone, and what is sent to whom: read as the outbox sends it."""

import dataclasses
import datetime
import re
import uuid
from collections.abc import Callable

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.messaging.providers import Message
from foundation.outbox.models import Obligation
from foundation.outbox.subscribing import subscribed
from members import accepting, joining, verifying
from members.consents import Choice
from members.details import Details
from members.models import ConsentText, Enrolment, Member, OneTimeCode, Person
from members.sealing import PersonalData, seal_person
from tests.factories import BankFactory, BranchFactory, ConsentTextFactory

TODAY = datetime.date(2026, 3, 2)
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
# Somebody before the portal, from an address of the net.
STRANGER = Actor(system="anonymous", address="192.0.2.7")
LI = Details.of(full_name="李小雨", phone="10088880001", birth_date=datetime.date(1990, 5, 1), language="zh-hans")
YES = [Choice(purpose="terms", version=1, given=True), Choice(purpose="privacy", version=1, given=True)]


def open_bank() -> None:
    """Make a bank with one branch that asks for terms, privacy, marketing."""
    BankFactory()
    BranchFactory(code="000")
    for purpose in ("terms", "privacy", "marketing"):
        ConsentTextFactory(purpose=purpose)


def known(data: Details = LI, **fields: object) -> Member:
    """Return a member with that person's data."""
    from tests.factories import MemberFactory, UserFactory

    fields.setdefault("user", UserFactory())
    member = MemberFactory(**fields)
    seal_person(
        member.pk, PersonalData(full_name=data.full_name, phone=data.phone, national_id=data.national_id)
    ).save()
    return member


def begin(details: Details = LI, *, at: datetime.datetime = NOON, via: str = "sms", **more: object) -> Enrolment:
    """Begin an enrolment as a stranger in the portal."""
    more = {"channel": "portal", "today": TODAY, "actor": STRANGER} | more
    return joining.begin(details=details, via=via, at=at, **more)


def sent(at: datetime.datetime | None = None, *, monkeypatch) -> list[Message]:
    """Let the outbox send what is owed; return the messages."""
    messages: list[Message] = []

    class Kept:
        def send(self, message: Message) -> None:
            messages.append(message)

    monkeypatch.setattr("foundation.messaging.sending.provider", lambda name: Kept())
    with transaction.atomic():
        owed = list(Obligation.objects.waiting().filter(topic="messages.send").order_by("id"))
        subscribed()["messages.send"](owed, at=at or NOON, actor=Actor.job("test"))
        Obligation.objects.filter(pk__in=[one.pk for one in owed]).update(done_at=clock.now())
    return messages


def code_of(enrolment: Enrolment) -> tuple[uuid.UUID, str]:
    """Return the id and the text of the last code of an enrolment."""
    code = OneTimeCode.objects.filter(enrolment=enrolment).latest("sent_at")
    return code.pk, verifying.secret_of(code)


def verified(details: Details = LI, **more: object) -> Enrolment:
    """Return an enrolment whose code came back."""
    code_id, secret = code_of(begin(details, **more))
    found = joining.verify(code_id=code_id, given=secret, at=NOON, actor=STRANGER)
    assert found is not None
    return found


def accept(enrolment: Enrolment, *, choices: list[Choice] = YES, password: str = "", **more: object) -> Member:
    """End an enrolment in the portal."""
    more = {"channel": "portal", "today": TODAY, "at": NOON, "actor": STRANGER} | more
    return accepting.accept(enrolment_id=enrolment.pk, choices=choices, password=password, **more)


def figures() -> tuple[int, ...]:
    """Count what an enrolment may write."""
    tables = (Enrolment, OneTimeCode, Member, Person, ConsentText, Obligation)
    return tuple(table.objects.count() for table in tables)


def other(**fields: object) -> Details:
    """Return the newcomer's details, changed."""
    return Details.of(**{**dataclasses.asdict(LI), **fields})


def statements(act: Callable[[], object]) -> list[str]:
    """Return the statements that `act` sends, in order, without their values."""
    with CaptureQueriesContext(connection) as seen:
        act()
    # A driver writes a negative number with a blank before it, so blanks don't count.
    value = r"'(?:[^']|'')*'(::\w+)?|-?\b\d+\b|NULL"
    return [re.sub(value, "?", query["sql"]).replace(" ", "") for query in seen.captured_queries]
