"""What the bank knows of a member: put with source and day, under a consent; scored, confirmed, and its changes kept sealed."""

import datetime

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from foundation.access.models import User
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from members import consents, knowing, scoring, taking_facts
from members.consents import Choice
from members.facts import CATALOGUE, COUNTED, FACTS
from members.files import FactChange, FactSource, MemberFile
from members.models import Member, Person
from members.sealing import open_document, open_person
from members.taking_facts import FactReport
from tests.factories import ConsentTextFactory, MemberFactory, UserFactory
from tests.members.cast import NOON, TODAY, known, other

pytestmark = pytest.mark.django_db
WHOLE = sum(fact.weight for fact in COUNTED)


@pytest.fixture(autouse=True)
def texts():
    """The bank asks for terms and for profiling."""
    for purpose in ("terms", "profiling"):
        ConsentTextFactory(purpose=purpose)


@pytest.fixture
def li() -> Member:
    """Li, with name and phone, who has agreed to nothing but may be known."""
    return known()


def put(member: Member, *, source: str = FactSource.TOLD, told_on: datetime.date = TODAY, **facts: str) -> list[str]:
    """Put facts as a clerk does."""
    said = {"today": TODAY, "at": NOON, "actor": Actor(user=UserFactory()), "reason": "at the counter"}
    return knowing.put(member_id=member.pk, facts=facts, source=source, told_on=told_on, **said)


def profiled(member: Member, *, given: bool = True) -> None:
    """Let the member agree to be profiled, or take that back."""
    choice = Choice(purpose="profiling", version=1, given=given)
    consents.choose(
        [choice], member_id=member.pk, channel="portal", today=TODAY, at=NOON, actor=Actor(user=UserFactory())
    )


def values(member: Member) -> dict[str, str]:
    """Return what may be shown of a member, by code."""
    fresh = Member.objects.select_related("person", "file").get(pk=member.pk)
    return {one.fact.code: one.value for one in knowing.read(fresh, on=TODAY) if one.value}


def stored() -> tuple[int, ...]:
    """Count what putting a fact may write, and what it says of versions."""
    return (
        FactChange.objects.count(),
        AuditEvent.objects.count(),
        *MemberFile.objects.values_list("version", flat=True),
    )


def test_a_fact_has_a_source_and_a_day_and_a_trail_without_its_value(li: Member) -> None:
    changed = put(li, source=FactSource.DOCUMENT, employer="Harbour Shipping", preferred_channel="sms")

    li = Member.objects.select_related("person", "file").get(pk=li.pk)
    told = {one.fact.code: one for one in knowing.read(li, on=TODAY)}
    event = AuditEvent.objects.get(verb="knowing.put")
    assert changed == ["employer", "preferred_channel"]
    assert told["employer"].value == "Harbour Shipping"
    assert (told["employer"].source, told["employer"].told_on) == ("document", TODAY)
    # Not even what everybody on the staff may see: the trail outlives an erasure.
    assert event.new == {
        "employer": "•••", "preferred_channel": "•••", "source": "document", "told_on": "2026-03-02",
    }  # fmt: skip
    assert [change.code for change in FactChange.objects.order_by("code")] == ["employer", "preferred_channel"]
    row = str(MemberFile.objects.values().get()) + str(FactChange.objects.values())
    assert "Harbour" not in row


def test_whose_phone_the_branch_changes_shows_anew_who_he_is(li: Member) -> None:
    put(li, source=FactSource.DOCUMENT, phone=open_person(Person.objects.get(pk=li.pk)).phone, post="Clerk")
    before = (Member.objects.get(pk=li.pk).contact_changed_at, User.objects.get(pk=li.user_id).secured_at)
    put(li, source=FactSource.DOCUMENT, phone="13900000077")

    assert before == (None, None)
    assert Member.objects.get(pk=li.pk).contact_changed_at == NOON
    assert User.objects.get(pk=li.user_id).secured_at == NOON


def test_the_history_opens_by_the_file_s_key_and_dies_with_it(li: Member) -> None:
    put(li, post="Clerk")
    put(li, post="Manager")

    key = open_person(Person.objects.get(pk=li.pk)).file_key
    last = FactChange.objects.latest("id")
    assert open_document(key, last.sealed, bound_to=f"change:{li.pk}") == ["Clerk", "Manager"]
    Person.objects.filter(pk=li.pk).update(wrapped_key=None)
    assert values(li) == {}
    with pytest.raises(knowing.PersonErased):
        put(li, post="Clerk")


def test_a_change_of_identity_is_found_by_the_new_hash_and_keeps_the_facts(li: Member) -> None:
    put(li, post="Clerk")
    before = bytes(Person.objects.get(pk=li.pk).name_hash)

    put(li, source=FactSource.DOCUMENT, full_name="单小雨")

    person = Person.objects.get(pk=li.pk)
    assert bytes(person.name_hash) != before
    assert person.masked_name == "单*"
    assert open_person(person).pinyin == "shan xiao yu"
    assert values(li) == {
        "full_name": "单小雨", "phone": "10088880001", "post": "Clerk",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "more", "refusal"),
    [
        ({"shoe_size": "42"}, {}, knowing.UnknownFact),
        ({"education": "none"}, {}, knowing.FactMalformed),
        ({"employer": "x" * 101}, {}, knowing.FactMalformed),
        ({"birth_date": "1990-02-30"}, {"source": FactSource.DOCUMENT}, knowing.FactMalformed),
        ({"birth_date": "2999-01-01"}, {"source": FactSource.DOCUMENT}, knowing.FactMalformed),
        ({"national_id": "110101199003070012"}, {"source": FactSource.DOCUMENT}, knowing.FactMalformed),
        ({"phone": "twelve"}, {"source": FactSource.DOCUMENT}, knowing.FactMalformed),
        ({"interests": "travel,smoking"}, {}, knowing.FactMalformed),
        ({"education": "master"}, {}, knowing.FactNeedsConsent),
        ({"post": "Clerk", "full_name": "王小明"}, {"source": FactSource.MEMBER}, knowing.KeptByTheBranch),
        ({"post": "Clerk", "full_name": "王小明"}, {}, knowing.NeedsDocument),
        ({"post": "Clerk"}, {"told_on": datetime.date(2026, 3, 3)}, knowing.ToldInFuture),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(li: Member, facts, more, refusal) -> None:
    put(li, post="Teller")
    before = stored(), values(li)

    with pytest.raises(refusal), transaction.atomic():
        put(li, **more, **facts)

    assert (stored(), values(li)) == before


def test_a_consent_taken_back_hides_what_is_held_under_it(li: Member) -> None:
    profiled(li)
    put(li, education="master", post="Clerk")
    whole = MemberFile.objects.get(pk=li.pk)

    profiled(li, given=False)

    withheld = MemberFile.objects.get(pk=li.pk)
    assert values(li) == {"full_name": "李小雨", "phone": "10088880001", "post": "Clerk"}
    assert whole.score - withheld.score == 100 * 8 // WHOLE - 100 * 4 // WHOLE
    assert "education" in withheld.missing
    with pytest.raises(knowing.FactNeedsConsent), transaction.atomic():
        put(li, education="bachelor")
    profiled(li)
    assert values(li)["education"] == "master"


def test_the_same_fact_again_changes_nothing_and_told_later_makes_it_fresh(li: Member) -> None:
    put(li, post="Clerk", told_on=datetime.date(2025, 3, 2))
    assert MemberFile.objects.get(pk=li.pk).fresh == 50

    again = put(li, post="Clerk", told_on=datetime.date(2025, 3, 2))
    later = put(li, post="Clerk")

    assert (again, later) == ([], ["post"])
    assert MemberFile.objects.get(pk=li.pk).fresh == 100


def test_who_read_an_older_file_is_told_so(li: Member) -> None:
    li = Member.objects.select_related("person").get(pk=li.pk)
    seen = knowing.tag(li, knowing.read(li, on=TODAY))
    put(li, post="Clerk")
    said = {"today": TODAY, "at": NOON, "actor": Actor(user=UserFactory()), "source": "member", "told_on": TODAY}

    with pytest.raises(knowing.FileChanged), transaction.atomic():
        knowing.put(member_id=li.pk, facts={"post": "Manager"}, seen=seen, **said)

    assert values(li)["post"] == "Clerk"


def test_the_score_is_worked_out_by_hand(li: Member) -> None:
    """Post (weight 4, stale after 24 months) told 12 months ago; address (6, 36) today; preferred channel (5, 36) stale."""
    put(li, post="Clerk", told_on=datetime.date(2025, 3, 2))
    put(li, address="1 Harbour Road")
    put(li, preferred_channel="sms", told_on=datetime.date(2023, 3, 2))

    file = MemberFile.objects.get(pk=li.pk)
    # 365 of the 730 days from 2 March 2025 to 2 March 2027 are left: 4 × 1/2, and 6, and 0.
    assert (file.complete, file.fresh, file.score) == (100 * 15 // WHOLE, 100 * 8 // 15, 100 * 8 // WHOLE)
    assert file.stale == ["preferred_channel"]
    assert set(file.missing) == {fact.code for fact in COUNTED} - {"post", "address", "preferred_channel"}


def test_facts_age_without_anybody_touching_them(li: Member) -> None:
    put(li, post="Clerk")

    scoring.score(as_of=datetime.date(2028, 3, 2))

    file = MemberFile.objects.get(pk=li.pk)
    assert (file.fresh, file.stale, file.score) == (0, ["post"], 0)


def test_confirming_makes_what_is_his_fresh_and_moves_the_review(li: Member) -> None:
    put(li, post="Clerk", told_on=datetime.date(2024, 3, 2))
    put(li, referrer="M1", told_on=datetime.date(2024, 3, 2))
    later = TODAY + datetime.timedelta(days=10)

    knowing.confirm(member_id=li.pk, today=later, at=NOON, actor=Actor(user=UserFactory()), by_member=True)

    file = MemberFile.objects.get(pk=li.pk)
    assert (file.reviewed_on, file.due_on) == (later, datetime.date(2029, 3, 12))
    assert (file.held["post"]["on"], file.held["referrer"]["on"]) == (f"{later}", "2024-03-02")
    assert values(li)["post"] == "Clerk"


def take(*reports: FactReport) -> list[str]:
    return taking_facts.take(reports, today=TODAY, at=NOON, actor=Actor.job("intake"))


def report(number: str, fact: str, value: str = "", told_on: datetime.date | None = None) -> FactReport:
    return FactReport(member_number=number, fact=fact, value=value, told_on=told_on)


def test_the_core_bank_reports_facts_each_with_its_outcome(li: Member) -> None:
    erased = known(other(phone="10088880002"))
    Person.objects.filter(pk=erased.pk).update(wrapped_key=None)
    put(li, post="Clerk")

    outcomes = take(
        report(li.number, "employer", "Old Employer"),
        report(li.number, "employer", "Harbour Shipping"),
        report(li.number, "post", "Teller", datetime.date(2026, 3, 1)),
        report(li.number, "education", "master"),
        report(li.number, "shoe_size", "42"),
        report(li.number, "risk_appetite", "c9"),
        report(li.number, "horizon", "short", datetime.date(2026, 3, 3)),
        report("nobody", "post", "Clerk"),
        report(erased.number, "post", "Clerk"),
    )

    assert outcomes == [
        "superseded", "recorded", "older", "no_consent", "unknown_fact", "invalid_fact", "invalid_told_on", "unknown_member", "erased",
    ]  # fmt: skip
    assert values(li) == {
        "full_name": "李小雨", "phone": "10088880001", "employer": "Harbour Shipping", "post": "Clerk",
    }  # fmt: skip
    assert take(report(li.number, "employer", "Harbour Shipping")) == ["unchanged"]


def test_one_member_and_many_take_the_same_statements(li: Member) -> None:
    many = [known(other(phone=f"1008888{number:04}")) for number in range(40)]
    put(li, post="Clerk")

    with CaptureQueriesContext(connection) as one:
        assert take(report(li.number, "employer", "Harbour")) == ["recorded"]
    with CaptureQueriesContext(connection) as all_:
        assert set(take(*(report(member.number, "employer", "Harbour") for member in many))) == {"recorded"}
    with CaptureQueriesContext(connection) as scored:
        assert scoring.score(as_of=TODAY) == 41

    assert len(one) == len(all_) <= 9
    assert len(scored) == 1


def test_what_a_fact_was_is_written_once(li: Member) -> None:
    put(li, post="Clerk")

    with pytest.raises(DatabaseError), transaction.atomic():
        FactChange.objects.update(code="employer")
    with pytest.raises(DatabaseError, match="file_scores_are_percents"), transaction.atomic():
        MemberFile.objects.update(score=101)
    with pytest.raises(DatabaseError, match="file_holds_facts_by_code"), transaction.atomic():
        MemberFile.objects.update(held=[])
    with pytest.raises(DatabaseError, match="file_is_due_after_its_review"), transaction.atomic():
        MemberFile.objects.update(due_on=TODAY - datetime.timedelta(days=900))


def test_the_catalogue_is_whole() -> None:
    from members.models import MemberFile as Model

    assert len({fact.code for fact in CATALOGUE}) == len(CATALOGUE) == len(FACTS)
    assert max(len(fact.code) for fact in CATALOGUE) <= Model._meta.get_field("missing").base_field.max_length
    assert all(fact.choices for fact in CATALOGUE if fact.form.startswith("choice"))


def test_nobody_s_file_is_opened_by_being_invited_without_data() -> None:
    member = MemberFactory()

    assert values(member) == {}
    assert put(member, post="Clerk") == ["post"]
    assert values(member) == {"post": "Clerk"}
