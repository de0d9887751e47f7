"""Sealing business dates: the form that docs/seal.md gives, worked out here by other means, and what an honest history is."""

import datetime
import hashlib
import json
from collections import defaultdict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction

from foundation.jobs.models import BusinessDate
from foundation.querying import statement
from points import ledger, sealing, verifying
from points.models import Entry, Seal, SealedRange
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import (
    CLERK,
    MONDAY,
    TUESDAY,
    asked,
    close_with_seal,
    finish_closing,
    open_bank,
    post,
    seal,
    start_closing,
)

pytestmark = pytest.mark.django_db

WEDNESDAY = TUESDAY + datetime.timedelta(days=1)
NONE = hashlib.sha256().hexdigest()
VECTOR = "4761af3fe0cd01f744a3641959cb62d65d0e5b986f2f2709109773e359f7b25a"


def line_of(entry, figures):
    """Return the line of an entry as docs/seal.md says it; `figures` as the database writes them."""
    fields = [
        entry.member_id, entry.currency_id, entry.number, entry.kind, entry.points, entry.balance_after, entry.event_key,
        entry.occurred_on.isoformat(), entry.booked_on.isoformat(),
        entry.recorded_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        json.dumps(entry.cause, ensure_ascii=False), entry.rule_version_id, figures,
    ]  # fmt: skip
    return "\t".join("" if field is None else str(field) for field in fields) + "\n"


def digest_by_hand(entries):
    """Return a range's digest, worked out in Python."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT member_id, currency_id, number, figures::text FROM points_entry")
        figures = {(member, currency, number): text for member, currency, number, text in cursor.fetchall()}
    purses = defaultdict(hashlib.sha256)
    for entry in sorted(entries, key=lambda entry: entry.pk):
        purses[entry.member_id, entry.currency_id].update(line_of(entry, figures[entry.pk]).encode())
    return hashlib.sha256(b"".join(purses[key].digest() for key in sorted(purses))).hexdigest()


def test_a_seal_is_what_anybody_can_work_out_from_the_entries(settings):
    wang, points = open_bank()
    li, growth = MemberFactory(), PointCurrencyFactory(growth=True)
    figures = {"rate": "1.50", "programme": '财富 "A"\n', "amount_minor": 4800}
    post(
        asked(wang, points, 100, cause='a "tab"\t, a line\nand 中文 \\', rule_version_id=None, figures=figures),
        asked(wang, points, -30),
        asked(wang, growth, 7),
        asked(li, points, 5, occurred_on=MONDAY - datetime.timedelta(days=40)),
        asked(li, points, 9, occurred_on=TUESDAY),
    )

    close_with_seal(MONDAY, (1, wang.pk), (wang.pk + 1, sealing.LAST_MEMBER))

    monday = Entry.objects.filter(booked_on=MONDAY)
    of_wang, of_li = digest_by_hand(monday.filter(member_id=wang.pk)), digest_by_hand(monday.filter(member_id=li.pk))
    key = Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY)
    key_id = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]
    text = (
        "date 2026-03-02\nprevious -\nentries 4\n"
        f"points {points.pk}:75 {growth.pk}:7\n"
        f"range 1 {wang.pk} 3 {of_wang} {points.pk}:70 {growth.pk}:7\n"
        f"range {wang.pk + 1} 9223372036854775807 1 {of_li} {points.pk}:5\n"
        f"key {key_id}\n"
    )
    made = Seal.objects.get()
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()
    assert (made.entries, made.points) == (4, {f"{points.pk}": 75, f"{growth.pk}": 7})
    key.public_key().verify(bytes.fromhex(made.signature), bytes.fromhex(made.digest))
    assert verifying.verify() == verifying.Verdict(verified=1, broken=[])


def test_the_test_vector_of_the_document_holds(settings):
    """The line that docs/seal.md prints, and its digest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(sha256(convert_to(" + statement("points", "entry_line") + ", 'UTF8')), 'hex') FROM"
            " (SELECT 17::bigint AS member_id, 1::smallint AS currency_id, 3 AS number, 1::smallint AS kind, 48::bigint AS points,"
            " 1048::bigint AS balance_after, '0f8fad5b-d9cb-469f-a165-70867728950e'::uuid AS event_key,"
            " '2026-03-01'::date AS occurred_on, '2026-03-02'::date AS booked_on,"
            " '2026-03-02 09:30:00.5+08'::timestamptz AS recorded_at, 'activity/core/刷卡 1'::varchar AS cause,"
            """ 4 AS rule_version_id, '{"rate": "1", "amount_minor": 4800}'::jsonb AS figures) e"""
        )
        [[digest]] = cursor.fetchall()

    line = (
        "17\t1\t3\t1\t48\t1048\t0f8fad5b-d9cb-469f-a165-70867728950e\t2026-03-01\t2026-03-02\t2026-03-02T01:30:00.500000Z\t"
        '"activity/core/刷卡 1"\t4\t{"rate": "1", "amount_minor": 4800}\n'
    )
    assert digest == hashlib.sha256(line.encode()).hexdigest() == VECTOR
    assert VECTOR in (settings.BASE_DIR / "docs" / "seal.md").read_text()


def test_an_honest_history_verifies_night_by_night_whatever_the_ranges():
    wang, points = open_bank()
    li = MemberFactory()
    post(asked(wang, points, 100), asked(li, points, 50, occurred_on=TUESDAY))
    close_with_seal(MONDAY)
    post(asked(wang, points, -10, occurred_on=TUESDAY))
    close_with_seal(TUESDAY, (1, wang.pk - 1), (wang.pk, wang.pk), (wang.pk + 1, sealing.LAST_MEMBER))
    close_with_seal(WEDNESDAY)
    post(asked(li, points, 1))

    monday, tuesday, wednesday = Seal.objects.order_by("business_date")
    assert [monday.entries, tuesday.entries, wednesday.entries] == [1, 2, 0]
    assert (monday.previous, tuesday.previous, wednesday.previous) == ("", monday.digest, tuesday.digest)
    assert verifying.verify() == verifying.Verdict(verified=3, broken=[])
    assert verifying.verify(first=TUESDAY, last=TUESDAY).verified == 1


def test_a_date_without_entries_is_sealed_too():
    open_bank()

    close_with_seal(MONDAY)

    made, part = Seal.objects.get(), SealedRange.objects.get()
    assert (made.entries, made.points, part.entries, part.points, part.digest) == (0, {}, 0, {}, NONE)
    assert verifying.verify() == verifying.Verdict(verified=1, broken=[])


def test_sealing_twice_changes_nothing():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    close_with_seal(MONDAY)
    before = list(Seal.objects.values()), list(SealedRange.objects.values())

    seal(MONDAY, [(1, 2), (3, sealing.LAST_MEMBER)])

    assert (list(Seal.objects.values()), list(SealedRange.objects.values())) == before


def test_the_first_seal_takes_what_was_booked_before_there_were_seals():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    start_closing(MONDAY)
    finish_closing(MONDAY)
    post(asked(wang, points, 10, occurred_on=TUESDAY))

    close_with_seal(TUESDAY)

    assert Seal.objects.get().entries == 2
    assert verifying.verify() == verifying.Verdict(verified=1, broken=[])


@pytest.mark.parametrize("status", ["open", "closed"])
def test_only_a_date_that_is_closing_is_sealed(status):
    open_bank()
    BusinessDate.objects.update(status=status)

    for act in (lambda: seal(MONDAY), lambda: sealing.seal(business_date=MONDAY, actor=CLERK)):
        with pytest.raises(ledger.BusinessDateNotClosing):
            act()

    assert (Seal.objects.count(), SealedRange.objects.count()) == (0, 0)


@pytest.mark.parametrize("ranges", [[(1, 7)], [(2, sealing.LAST_MEMBER)], [(1, 7), (7, sealing.LAST_MEMBER)], []])
def test_ranges_that_leave_somebody_out_are_not_sealed(ranges):
    open_bank()
    start_closing()

    with pytest.raises(sealing.RangesLeaveMembersOut):
        seal(MONDAY, ranges)

    assert Seal.objects.count() == 0


def test_a_seal_is_verified_by_the_key_that_signed_it(settings):
    open_bank()
    old = Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY).public_key().public_bytes_raw()
    close_with_seal(MONDAY)
    settings.SEAL_KEY = bytes(range(32))
    close_with_seal(TUESDAY)

    assert verifying.verify().broken == [{"business_date": MONDAY, "reason": "unknown_key"}]

    settings.SEAL_EARLIER_KEYS = [old]
    assert verifying.verify() == verifying.Verdict(verified=2, broken=[])


def test_a_closed_date_without_a_seal_is_found():
    wang, points = open_bank()
    close_with_seal(MONDAY)
    post(asked(wang, points, 100, occurred_on=TUESDAY))
    start_closing(TUESDAY)
    finish_closing(TUESDAY)

    verdict = verifying.verify()

    assert verdict == verifying.Verdict(verified=1, broken=[{"business_date": TUESDAY, "reason": "missing_seal"}])
    assert verifying.verify(last=MONDAY).broken == []


@pytest.mark.parametrize("table", ["points_seal", "points_sealedrange"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET entries = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_a_seal_is_written_once(table, statement):
    open_bank()
    close_with_seal(MONDAY)

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))

    assert verifying.verify().verified == 1
