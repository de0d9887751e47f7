"""A7, H15: who is erased is a closed member without a key; the ledger, the decisions and the seals are as they were."""

import datetime
import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation import transactions
from foundation.access.models import Role
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.idempotency.models import KeptAnswer
from foundation.outbox.owing import Owed, owe
from members import contacting, enrolling, finding, preferring, verifying
from members.models import Account, ContactChange, Member, OneTimeCode, Person, Preference
from members.reports import AccountReport, MemberReport
from members.sealing import open_person, seal_person
from points import freezing, reserving, transferring
from points import verifying as seals
from points.models import Entry, Kind
from privacy import barriers, certificates, erasing, erasing_for, holding
from privacy.models import Certificate, Erased, Erasure
from tests.factories import AccountFactory, ProgrammeFactory, RuleBookFactory, UserFactory
from tests.points.cast import MONDAY, NOON, books_ok, finish_closing, seal, start_closing, wish
from tests.privacy.cast import JOB, TODAY, ZHAO, approve, available, earn, officer, open_house, traces, zhao
from tiers import standings

PERSONAL = (ZHAO.full_name, ZHAO.phone, ZHAO.national_id, ZHAO.email, "zhao.guoqiang", "赵", "1391")


def ask(member: Member, *, gives_up: bool = False, may_wait: bool = False, today: datetime.date = TODAY) -> Erasure:
    """Ask to be erased, as the member himself."""
    return erasing.ask(
        member=member,
        channel="portal",
        gives_up_points=gives_up,
        may_wait=may_wait,
        today=today,
        at=NOON,
        actor=Actor(user=member.user),
    )


def codes(member: Member, **more: object) -> list[str]:
    return [one.code for one in barriers.standing(member, today=TODAY, **more)]


def state(member: Member) -> tuple:
    """Return what an erasure would change."""
    person = Person.objects.filter(pk=member.pk).values_list("wrapped_key", "masked_name", "erased_on").get()
    status = Member.objects.values_list("status", "closed_on", "user__is_active").get(pk=member.pk)
    return person, status, Entry.objects.count(), Certificate.objects.count(), Erasure.objects.count()


@pytest.fixture
def house(db):
    return open_house()


def test_everything_personal_goes_and_a_signed_certificate_stays(house):
    member, _points = house
    AccountFactory(
        member=member,
        number="6222020200112233445",
        closed_on=datetime.date(2015, 1, 1),
        opened_on=datetime.date(2014, 1, 1),
    )
    verifying.send(purpose="sign_in", form="digits", to_kind="phone", to=ZHAO.phone, member=member, at=NOON, actor=JOB)
    KeptAnswer.objects.create(
        caller="user 1",
        member_id=member.pk,
        route="x",
        key="1",
        fingerprint="f",
        status=200,
        body="赵国强",
        answered_at=NOON,
    )

    done = ask(member)

    certificate = erasing.certificate_of(member.pk)
    assert done.state == "done"
    member.refresh_from_db()
    assert (member.status, member.closed_on) == ("closed", TODAY)
    person = Person.objects.get(pk=member.pk)
    assert (person.wrapped_key, person.masked_name, person.masked_phone, person.erased_on) == (None, "", "", TODAY)
    assert open_person(person).full_name == ""
    assert (member.user.username, member.user.full_name, member.user.is_active) == (
        f"erased-{member.user.pk}",
        "",
        False,
    )
    assert Account.objects.get(member=member).number.startswith("erased/")
    assert not OneTimeCode.objects.exists()
    assert not KeptAnswer.objects.exists()
    assert not finding.find(ZHAO.phone, visible=Member.objects.all()).exists()
    assert certificates.holds(certificate)
    assert certificate.subject == "C00000007"
    assert certificate.document["backups_expire_on"] == "2026-04-06"
    assert certificate.document["destroyed"]["account_numbers"] == 1
    event = AuditEvent.objects.get(verb="privacy.erase")
    assert event.new["certificate"] == certificate.number


def test_no_table_holds_him_any_more(house):
    member, _points = house
    ask(member)

    assert traces(PERSONAL) == []


def test_changes_of_his_contact_and_his_wishes_go_with_him(house):
    member, _points = house
    code = contacting.ask(member=member, kind="phone", to="13900000077", today=TODAY, at=NOON, actor=JOB)
    contacting.confirm(member=member, code_id=code.pk, given=verifying.secret_of(code), at=NOON, actor=JOB)
    preferring.change(member=member, language="zh-hans", at=NOON, actor=JOB)
    ask(member)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert not ContactChange.objects.exists()
    assert not Preference.objects.exists()
    [certificate] = Certificate.objects.all()
    assert (certificate.document["destroyed"]["contact_changes"], certificate.document["destroyed"]["preferences"]) == (
        1,
        1,
    )


def test_asked_again_it_answers_what_it_did(house):
    member, _points = house
    first = ask(member)
    before = state(member)

    again = ask(member)

    assert again.pk == first.pk
    assert state(member) == before


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (lambda member, points: AccountFactory(member=member), "account_open"),
        (lambda member, points: earn(member, points, 5), "points_left"),
        (
            lambda member, points: owe([Owed(member_id=member.pk, key="1/x", payload={})], topic=transferring.CREDIT),
            "transfer_open",
        ),
        (
            lambda member, points: (
                erasing_for.ask(
                    id=uuid.uuid4(),
                    member=member,
                    gives_up_points=False,
                    reason="x",
                    actor=Actor(user=officer(member.branch, Role.TELLER)),
                    at=NOON,
                )
                and owe([Owed(member_id=member.pk, key="2/x", payload={})], topic=transferring.CREDIT_BACK)
            ),
            "transfer_open",
        ),
        (
            lambda member, points: holding.place(
                member=member, reason="court", until=None, actor=Actor(user=officer(member.branch)), at=NOON
            ),
            "legal_hold",
        ),
        (
            lambda member, points: holding.place(
                data_class="closed_members",
                reason="court",
                until=TODAY,
                actor=Actor(user=officer(member.branch)),
                at=NOON,
            ),
            "legal_hold",
        ),
        (
            lambda member, points: (
                earn(member, points, 5),
                freezing.freeze(member=member, currency=points, reason="fraud", at=NOON, actor=JOB),
            ),
            "points_frozen",
        ),
        (
            lambda member, points: AccountFactory(
                member=member, opened_on=datetime.date(2020, 1, 1), closed_on=datetime.date(2025, 1, 1)
            ),
            "retention_duty",
        ),
    ],
)
def test_it_is_refused_with_its_reason_and_nothing_changes(house, arrange, code):
    member, points = house
    arrange(member, points)
    before = state(member)

    with pytest.raises(erasing.ErasureBarred) as refused:
        ask(member, may_wait=False)

    assert code in [one.code for one in refused.value.barriers]
    assert state(member) == before


def test_points_that_are_left_are_given_up_only_with_his_yes(house):
    member, points = house
    earn(member, points, 70)

    ask(member, gives_up=True)

    entry = Entry.objects.filter(member_id=member.pk).latest("number")
    assert (entry.kind, entry.points, entry.balance_after) == (Kind.ADJUST, -70, 0)
    assert entry.cause.startswith("erasure/")
    assert erasing.certificate_of(member.pk).document["points_given_up"] == 70
    assert books_ok()


def test_a_hold_of_points_bars_it_also_with_his_yes(house):
    member, points = house
    earn(member, points, 70)
    reserving.hold(wish=wish(member, points, 30), minutes=30, at=NOON, actor=JOB)

    with pytest.raises(erasing.ErasureBarred) as refused:
        ask(member, gives_up=True)

    assert [one.code for one in refused.value.barriers] == ["points_held"]
    assert available(member) == 40


def test_the_day_is_told_and_the_wish_waits_for_it(house):
    member, _points = house
    AccountFactory(member=member, opened_on=datetime.date(2014, 1, 1), closed_on=datetime.date(2016, 3, 5))

    waiting = ask(member, may_wait=True)
    too_early = erasing.execute(erasure_id=waiting.pk, today=TODAY, at=NOON, actor=JOB)

    # Ten years after the last account was closed.
    assert (waiting.state, waiting.possible_on, too_early) == ("waiting", datetime.date(2026, 3, 5), False)
    assert not erasing.is_erased(member.pk)
    day = datetime.date(2026, 3, 5)
    assert erasing.due(today=day) == [waiting.pk]
    assert erasing.execute(erasure_id=waiting.pk, today=day, at=NOON, actor=JOB)
    assert not erasing.execute(erasure_id=waiting.pk, today=day, at=NOON, actor=JOB)
    assert erasing.is_erased(member.pk)


def test_a_wish_that_waits_can_be_taken_back(house):
    member, _points = house
    AccountFactory(member=member, opened_on=datetime.date(2014, 1, 1), closed_on=datetime.date(2016, 3, 5))
    waiting = ask(member, may_wait=True)

    erasing.withdraw(member=member, at=NOON, actor=Actor(user=member.user))

    assert not erasing.execute(erasure_id=waiting.pk, today=datetime.date(2030, 1, 1), at=NOON, actor=JOB)
    with pytest.raises(erasing.NothingWaits):
        erasing.withdraw(member=member, at=NOON, actor=Actor(user=member.user))
    assert not erasing.is_erased(member.pk)


def test_two_people_erase_who_comes_to_the_counter(house):
    member, _points = house
    teller, compliance = officer(member.branch, Role.TELLER), officer(member.branch)
    made = erasing_for.ask(
        id=uuid.uuid4(), member=member, gives_up_points=False, reason="He asked", actor=Actor(user=teller), at=NOON
    )
    assert not erasing.is_erased(member.pk)

    approve(made, compliance)

    document = erasing.certificate_of(member.pk).document
    assert (document["asked_by"], document["decided_by"]) == (teller.employee_number, compliance.employee_number)


def test_who_is_erased_stays_so_whoever_writes_him(house):
    member, _points = house
    ask(member)

    outcome = enrolling.enrol(
        [
            MemberReport(
                number=member.number,
                branch_code="000",
                joined_on=member.joined_on,
                full_name=ZHAO.full_name,
                phone=ZHAO.phone,
                accounts=(AccountReport(number="A-NEW", account_class="deposit", opened_on=TODAY),),
            )
        ],
        at=NOON,
        actor=JOB,
    )

    assert outcome == ["unchanged"]
    assert traces(PERSONAL) == []
    assert not Account.objects.filter(number="A-NEW").exists()
    for statement in (
        lambda: seal_person(member.pk, ZHAO).save(),
        lambda: Person.objects.filter(pk=member.pk).update(erased_on=None),
        lambda: Person.objects.filter(pk=member.pk).delete(),
    ):
        with pytest.raises(IntegrityError, match=r"is erased|holds_nobody"), transaction.atomic():
            statement()


def test_the_database_erases_no_open_member(house):
    member, _points = house

    with (
        pytest.raises(IntegrityError, match="only closed members"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT privacy_erase(%s, %s, %s)", [[member.pk], TODAY, NOON])

    assert open_person(Person.objects.get(pk=member.pk)) == ZHAO


def test_one_and_many_take_as_many_statements(house):
    member, _points = house
    crowd = [
        zhao(member.branch, number=f"C{n}", user=UserFactory(), status="closed", closed_on=TODAY) for n in range(20)
    ]

    def count(members):
        with CaptureQueriesContext(connection) as seen:
            erasing.destroy(members=members, today=TODAY, at=NOON, document={}, kind="destruction")
        return len(seen)

    assert count(crowd[:1]) == count(crowd[1:])
    assert Erased.objects.count() == 20


def test_ledger_decisions_and_seals_are_as_they_were(committed):
    """H15: prove 0, every seal verified, the as-of answers the same."""
    member, points = transactions.commit(_open)
    with transaction.atomic():
        earn(member, points, 70)
    start_closing()
    with transaction.atomic():
        seal(MONDAY)
    finish_closing()
    before = _as_of(member)

    transactions.commit(ask, member=member, gives_up=True, today=MONDAY + datetime.timedelta(days=1))

    assert _as_of(member) == before
    assert books_ok()
    verdict = seals.verify(first=None, last=None)
    assert (verdict.verified, verdict.broken) == (1, [])


def _open():
    member, points = open_house()
    RuleBookFactory(programme=ProgrammeFactory())
    return member, points


def _as_of(member):
    stood = standings.at(member_id=member.pk, day=MONDAY)
    entries = list(Entry.objects.filter(member_id=member.pk, booked_on__lte=MONDAY).order_by("number").values())
    return [(one.programme.code, one.tier.code) for one in stood], entries


def test_the_command_says_what_stands_against_it_and_fulfils_what_waits(house):
    member, _points = house
    AccountFactory(member=member)
    out = io.StringIO()

    with pytest.raises(CommandError) as barred:
        call_command("erase_member", member.number, "--dry-run", "--json", stdout=out)

    assert barred.value.returncode == 1
    told = json.loads(out.getvalue())
    assert (told["erased"], [one["code"] for one in told["barriers"]]) == (False, ["account_open"])
    with pytest.raises(CommandError) as unknown:
        call_command("erase_member", "nobody", "--json")
    assert unknown.value.returncode == 2
    with pytest.raises(CommandError, match="nobody asked for it"):
        call_command("erase_member", member.number)
    assert not erasing.is_erased(member.pk)
