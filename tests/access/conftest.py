"""Two branches with one of everything each, and one person or system of every kind at the doors of the first."""

import dataclasses
import datetime
import uuid
from decimal import Decimal

import pytest
from django.test import Client

from activity.models import Intake, ParkedReversal
from campaigns.models import RefusedClawback
from foundation.access.models import Branch, Role, StaffPosting, User
from foundation.actors import Actor
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.jobs import clock
from foundation.jobs.models import Bank, JobRun
from foundation.outbox.models import Obligation
from importing.models import Import
from members import families, joining
from members.details import Details
from members.models import Enrolment, FamilyMembership, Member, Merge, OneTimeCode, Person
from members.sealing import PersonalData, seal_person
from points import correcting, redeeming
from points.models import CorrectionFile, PointCurrency, Redemption
from privacy import certificates
from privacy.models import Certificate, Destruction, Export, LegalHold
from tests.api.conftest import bearing, earn, system
from tests.apps import Phone, app
from tests.books.cast import close_books
from tests.console.conftest import House, house, posted  # noqa: F401  (a fixture of the console's tests, used here too)
from tests.factories import (
    AccountFactory,
    ActivityFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    SourceFactory,
    StaffFactory,
    StaffPostingFactory,
    UserFactory,
)
from tests.points.cast import MONDAY
from tiers.models import Draft, Programme, Protection, Rehearsal

SCOPES = ("activities:write", "members:read", "redemptions:write", "")
# A teller without a second factor is one of them: nothing but setting one up is open to him.
PEOPLE = ("stranger", "member", "unposted", "factorless", *Role.values)
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
SYSTEM = Actor.job("test")
NEAR_POINTS, FAR_POINTS = 12_345, 987_654


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """One of everything that a branch can have."""

    member: Member
    request: Request
    redemption: Redemption
    posting: StaffPosting
    place: FamilyMembership
    event: AuditEvent
    obligation: Obligation
    file: CorrectionFile
    enrolment: Enrolment
    code: OneTimeCode
    protection: Protection
    export: Export
    hold: LegalHold
    merge: Merge
    imported: Import


@dataclasses.dataclass(frozen=True)
class Estate:
    """The house, the near side (Lujiazui under Pudong), the far one (Harbour), and what the bank has once."""

    house: House
    near: Side
    far: Side
    run: JobRun
    intake: Intake
    draft: Draft
    rehearsal: Rehearsal
    destruction: Destruction
    certificate: Certificate
    hold: LegalHold


def side(member: Member, *, points: int, word: str, phone: str) -> Side:
    """Give a member points, a person, an account, an activity, a family, a redemption, a request, and what speaks of them."""
    currency = PointCurrency.objects.get()
    Person.objects.filter(member=member).delete()
    seal_person(member.pk, PersonalData(full_name=f"{word} {word}son", phone=phone)).save()
    member.user = UserFactory(username=f"member-{word}")
    member.save()
    AccountFactory(member=member, number=f"ACC-{word}-0001")
    ActivityFactory(member=member, external_id=f"T-{word}", purpose=f"bought-{word}")
    earn(member, points)
    wished = redeeming.Wish(
        member_id=member.pk,
        currency_id=currency.pk,
        points=5,
        purpose=f"present-{word}",
        caller=redeeming.MEMBER,
        reference=f"ref-{word}",
    )
    [redeemed] = redeeming.redeem_each([wished], at=NOON, actor=SYSTEM)
    families.invite(member_id=member.pk, number=f"GUEST-{word}", at=NOON, actor=SYSTEM)
    maker = posted(Role.TELLER, member.branch)
    actor = Actor(user=maker, address="203.0.113.9")
    request = correcting.ask_by_hand(
        id=uuid.uuid4(),
        member=member,
        currency=currency,
        points=7,
        reason=f"because-{word}",
        expires_on=None,
        actor=actor,
        at=clock.now(),
    )
    event = record(
        verb="test.done", actor=actor, subject_kind="member", subject_id=member.number, at=NOON, reason=f"why-{word}"
    )
    source = SourceFactory()
    key = {"member_id": member.pk, "occurred_on": MONDAY}
    ParkedReversal.objects.create(
        source=source, external_id=f"R-{word}", original_source=source, original_external_id=f"O-{word}",
        occurred_at=NOON, outcome="parked", **key,
    )  # fmt: skip
    RefusedClawback.objects.create(
        currency=currency, event_key=uuid.uuid4(), cause=f"activity/core/C-{word}", points=-3, figures={},
        rule_version=EarningRuleVersionFactory(reward_currency=currency), reason="insufficient", **key,
    )  # fmt: skip
    programme = Programme.objects.get()
    protection = Protection.objects.create(
        member=member, programme=programme, kind="freeze", tier=programme.tiers.get(rank=0), starts_on=MONDAY,
        until=MONDAY + datetime.timedelta(days=3000), reason=f"sheltered-{word}",
    )  # fmt: skip
    enrolment = joining.begin(
        details=Details.of(full_name=f"Joiner{word} {word}son", phone=phone.replace("0000", "5555", 1)), via="sms", channel="branch",
        today=MONDAY, at=clock.now(), actor=SYSTEM, branch=member.branch,
    )  # fmt: skip
    gone = MemberFactory(
        number=f"GONE-{word}", branch=member.branch, status="closed", closed_on=MONDAY, merged_into=member
    )
    return Side(
        member=member,
        request=request,
        redemption=redeemed.redemption,
        posting=StaffPosting.objects.get(user=maker),
        place=FamilyMembership.objects.get(number=f"GUEST-{word}".upper()),
        event=event,
        obligation=Obligation.objects.create(
            topic=f"topic-{word}", member_id=member.pk, key=f"key-{word}", payload={"of": word}, quarantined_at=NOON
        ),
        file=CorrectionFile.objects.create(name=f"file-{word}.csv", rows=[], uploaded_by=maker, uploaded_at=NOON),
        enrolment=enrolment,
        code=enrolment.codes.get(),
        protection=protection,
        export=Export.objects.create(
            member=member, channel="portal", language="en", asked_at=NOON, asked_by=member.user
        ),
        hold=LegalHold.objects.create(
            member=member, reason=f"court-{word}", starts_on=MONDAY, placed_by=maker, placed_at=NOON
        ),
        merge=Merge.objects.create(kept=member, gone=gone, merged_at=NOON, booked_on=MONDAY, request_id=uuid.uuid4()),
        imported=Import.objects.create(
            kind="members",
            source=f"source-{word}",
            name=f"{word}.csv",
            branch=member.branch,
            headers=[f"head-{word}"],
            uploaded_by=maker,
            uploaded_at=NOON,
            keep_until=NOON,
        ),
    )


@pytest.fixture
def estate(house: House) -> Estate:  # noqa: F811
    """Near and far, the books of Monday closed over both."""
    Bank.objects.update(family_pool=True)
    PointCurrency.objects.update(worth_minor=Decimal(1))
    near = side(house.near, points=NEAR_POINTS, word="nearly", phone="13800000001")
    far = side(house.far, points=FAR_POINTS, word="faraway", phone="13900000002")
    close_books(MONDAY)
    run = JobRun.objects.create(job="close_day", business_date=MONDAY, status="done", started_at=NOON, finished_at=NOON)
    intake = Intake.objects.create(source=SourceFactory(), profile="berka", started_at=NOON)
    programme = Programme.objects.get()
    draft = Draft.objects.create(
        programme=programme, name="Draft", document={}, digest="0" * 64, edited_by=near.file.uploaded_by, edited_at=NOON
    )
    rehearsal = Rehearsal.objects.create(
        programme=programme, document={}, digest="0" * 64, months=1, starts_on=MONDAY, ends_on=MONDAY, dates=1, members=2,
        expected_seconds=1, started_by="test", started_at=NOON,
    )  # fmt: skip
    destruction = Destruction.objects.create(data_class="messages", before=MONDAY, found_on=MONDAY, rows=1)
    certificate = certificates.certify(kind="destruction", subject="outbox", document={}, at=NOON)
    hold = LegalHold.objects.create(
        data_class="audit", reason="inquiry", starts_on=MONDAY, placed_by=near.file.uploaded_by, placed_at=NOON
    )
    app()
    return Estate(house, near, far, run, intake, draft, rehearsal, destruction, certificate, hold)


def person(estate: Estate, who: str, branch: Branch) -> User | None:
    """Return the person of a kind: the near member, or staff of a role posted in a branch; None for a stranger."""
    if who == "stranger":
        return None
    if who == "member":
        return estate.near.member.user
    if who == "factorless":
        return StaffPostingFactory(user=StaffFactory(factor=False), branch=branch).user
    return StaffFactory() if who == "unposted" else posted(Role(who), branch)


def at_the_door(estate: Estate, who: str, *, branch: Branch | None = None) -> Client:
    """Return the client of a person of a kind, staff posted in head office unless told otherwise, or of a system with the scope `who`,
    or of the near member's app."""
    if who == "app":
        return Phone().connect(estate.near.member.user).api
    if who in SCOPES:
        return bearing(system(*filter(None, [who])))
    client = Client()
    if user := person(estate, who, branch or estate.house.head_office):
        client.force_login(user)
    return client
