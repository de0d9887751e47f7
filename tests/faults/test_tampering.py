"""Tampering behind the ledger's back, by the owner of the tables with the triggers off: the seals tell (E13, E14)."""

import datetime
import io
import json
import random
import uuid
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.models import F, Max

from foundation.jobs.models import BusinessDate
from points import sealing, verifying
from points.models import Entry, Seal, SealedRange
from tests.factories import MemberFactory
from tests.points.cast import MONDAY, asked, close_with_seal, open_bank, post, seal

DAYS = [MONDAY + datetime.timedelta(days=n) for n in range(6)]
TAMPERINGS = 100
OFF = "".join(
    f"ALTER TABLE {table} DISABLE TRIGGER written_once; "
    for table in ("points_entry", "points_seal", "points_sealedrange")
)


@pytest.fixture
def sealed_bank(committed) -> list[int]:
    """Three members, two ranges, six sealed dates of which the last but one is without entries; gives the members' ids."""
    wang, points = open_bank()
    members = [wang, MemberFactory(), MemberFactory()]
    with transaction.atomic():
        for number, date in enumerate(DAYS):
            if number != len(DAYS) - 2:
                post(
                    *(
                        asked(member, points, 100 + number, occurred_on=date, figures={"rate": "1"})
                        for member in members
                    ),
                    *(asked(member, points, -7 - number, occurred_on=date) for member in members),
                )
            close_with_seal(date, (1, wang.pk), (wang.pk + 1, sealing.LAST_MEMBER))
    return [member.pk for member in members]


@pytest.fixture
def as_owner(sealed_bank) -> Iterator[None]:
    """Be the owner of the tables, in one transaction, the triggers off."""
    ours, owners = connections["default"].settings_dict, connections["owner"].settings_dict
    runtime = {name: ours[name] for name in ("USER", "PASSWORD")}
    connections["default"].close()
    ours |= {name: owners[name] for name in runtime}
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(OFF)
            yield
            transaction.set_rollback(True)
    finally:
        connections["default"].close()
        ours |= runtime


def any_entry(dice: random.Random) -> Entry:
    return dice.choice(list(Entry.objects.order_by("pk")))


def at(entry: Entry):
    return Entry.objects.filter(pk=entry.pk)


def edit(dice: random.Random) -> datetime.date:
    """Change one field of one entry."""
    entry = any_entry(dice)
    changes = {
        "points": F("points") * 2,
        "balance_after": F("balance_after") + 1,
        "cause": "activity/core/other",
        "figures": {"rate": "2"},
        "event_key": uuid.UUID(int=dice.getrandbits(128)),
        "occurred_on": entry.occurred_on - datetime.timedelta(days=1),
        "booked_on": entry.booked_on + datetime.timedelta(days=1),
        "recorded_at": entry.recorded_at + datetime.timedelta(microseconds=1),
        "rule_version_id": 99,
        "kind": 2 if entry.points > 0 else 5,
        "currency_id": 77,
        "member_id": 4_711,
        "number": 1_000,
    }
    name = dice.choice(sorted(changes))
    assert at(entry).update(**{name: changes[name]}) == 1
    return entry.booked_on


def delete(dice: random.Random) -> datetime.date:
    """Take out one entry."""
    entry = any_entry(dice)
    at(entry).delete()
    return entry.booked_on


def insert(dice: random.Random) -> datetime.date:
    """Put in one entry, of a member of the bank or of none, on a sealed date, or on one long before."""
    entry = any_entry(dice)
    member = dice.choice([entry.member_id, 10**9, 2**63 - 1, 0, -5])
    number = Entry.objects.filter(member_id=member).aggregate(last=Max("number"))["last"] or 0
    date = dice.choice([*DAYS, datetime.date(2001, 1, 1), datetime.date.min])
    Entry.objects.create(
        member_id=member, currency_id=entry.currency_id, number=number + 1, kind=1, points=5, balance_after=5,
        event_key=uuid.UUID(int=dice.getrandbits(128)), occurred_on=date, booked_on=date, cause="gift",
    )  # fmt: skip
    return max(date, MONDAY)


def reorder(dice: random.Random) -> datetime.date:
    """Let two entries of a purse change their numbers."""
    one, other = dice.sample(list(Entry.objects.filter(member_id=any_entry(dice).member_id)), 2)
    for entry, number in ((one, 10**6), (other, one.number)):
        at(entry).update(number=number)
    Entry.objects.filter(number=10**6).update(number=other.number)
    return one.booked_on


def cut_off_entries(dice: random.Random) -> datetime.date:
    """Delete the last entries of a purse, or of all."""
    first = dice.choice([*DAYS[:-2], DAYS[-1]])
    tail = Entry.objects.filter(booked_on__gte=first)
    (tail if dice.random() < 0.5 else tail.filter(member_id=any_entry(dice).member_id)).delete()
    return first


def cut_off_seals(dice: random.Random) -> datetime.date:
    """Delete the last seals, with or without what they sealed; their dates stay closed."""
    first = dice.choice(DAYS)
    Seal.objects.filter(business_date__gte=first).delete()
    SealedRange.objects.filter(business_date__gte=first).delete()
    if dice.random() < 0.5:
        Entry.objects.filter(booked_on__gte=first).delete()
    return first


def delete_seal(dice: random.Random) -> datetime.date:
    """Delete one seal, at times with its date."""
    date = dice.choice(DAYS[:-1])
    Seal.objects.filter(pk=date).delete()
    if date > MONDAY and dice.random() < 0.5:
        BusinessDate.objects.filter(pk=date).delete()
    return date


def edit_seal(dice: random.Random) -> datetime.date:
    """Change one field of one seal."""
    made = Seal.objects.get(pk=dice.choice(DAYS))
    changes = {
        "previous": "0" * 64,
        "entries": made.entries + 1,
        "points": dice.choice([{"1": 1_000_000}, {"points": 5}, {"1": "x"}, [1], 7]),
        "digest": "0" * 64,
        "key_id": "0" * 16,
        "signature": dice.choice(["0" * 128, "", "not hexadecimal", made.signature[:-2] + "ff"]),
    }
    name = dice.choice(sorted(changes))
    assert Seal.objects.filter(pk=made.pk).update(**{name: changes[name]}) == 1
    return made.business_date


def edit_range(dice: random.Random) -> datetime.date:
    """Change, delete or add a range of a seal."""
    part = dice.choice(list(SealedRange.objects.order_by("pk")))
    own = SealedRange.objects.filter(pk=part.pk)
    changes = {
        "last_member": part.first_member + 1,
        "entries": part.entries + 1,
        "points": dice.choice([{"1": 9}, [1], "x"]),
        "digest": "0" * 64,
    }
    name = dice.choice([*sorted(changes), "delete", "add"])
    if name == "delete":
        own.delete()
    elif name == "add":
        SealedRange.objects.create(
            business_date=part.business_date,
            first_member=10**9,
            last_member=10**9,
            entries=0,
            points={},
            digest="0" * 64,
        )
    else:
        own.update(**{name: changes[name]})
    return part.business_date


def forge(dice: random.Random) -> datetime.date:
    """Change an entry of the last date and seal that date anew, without the bank's key."""
    date = DAYS[-1]
    at(dice.choice(list(Entry.objects.filter(booked_on=date).order_by("pk")))).update(points=F("points") * 3)
    bank, before = settings.SEAL_KEY, Seal.objects.get(pk=date)
    Seal.objects.filter(pk=date).delete()
    SealedRange.objects.filter(business_date=date).delete()
    BusinessDate.objects.filter(pk=date).update(status="closing")
    settings.SEAL_KEY = dice.randbytes(32)
    try:
        seal(date)
    finally:
        settings.SEAL_KEY = bank
    if dice.random() < 0.5:  # under the bank's name
        made = Seal.objects.get(pk=date)
        made.key_id = before.key_id
        made.digest = sealing.digest_of(made, list(SealedRange.objects.filter(business_date=date)))
        made.signature = Ed25519PrivateKey.generate().sign(bytes.fromhex(made.digest)).hex()
        made.save()
    BusinessDate.objects.filter(pk=date).update(status="closed")
    return date


KINDS: list[Callable[[random.Random], datetime.date]] = [
    edit, delete, insert, reorder, cut_off_entries, cut_off_seals, delete_seal, edit_seal, edit_range, forge,
]  # fmt: skip


def test_a_hundred_planted_tamperings_are_found_on_their_dates(as_owner):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    assert verifying.verify() == verifying.Verdict(verified=len(DAYS), broken=[])
    missed = []

    for number in range(TAMPERINGS):
        kind = KINDS[number % len(KINDS)]
        point = transaction.savepoint()
        date = kind(dice)
        found = {finding["business_date"] for finding in verifying.verify().broken}
        if date not in found:
            missed.append((seed, number, kind.__name__, date, found))
        transaction.savepoint_rollback(point)

    assert missed == []
    assert verifying.verify() == verifying.Verdict(verified=len(DAYS), broken=[])


def verify_seals(*arguments: str) -> tuple[int, dict]:
    """Return the exit code and the answer of the command."""
    answer = io.StringIO()
    code = 0
    try:
        call_command("verify_seals", *arguments, "--json", stdout=answer)
    except CommandError as error:
        code = error.returncode
    return code, json.loads(answer.getvalue())


def test_the_command_names_the_date_and_the_members_of_an_edited_entry(sealed_bank):
    head = {"business_date": f"{DAYS[-1]}", "digest": Seal.objects.get(pk=DAYS[-1]).digest}
    whole = verify_seals()

    with connections["owner"].cursor() as cursor:
        cursor.execute(
            OFF + "UPDATE points_entry SET cause = 'mine' WHERE member_id = %s AND number = 3", [sealed_bank[1]]
        )

    assert whole == (0, {"verified": 6, "broken": [], "head": head})
    assert verify_seals() == (
        1,
        {
            "verified": 5,
            "broken": [
                {
                    "business_date": "2026-03-03",
                    "reason": "entries_differ",
                    "first_member": sealed_bank[0] + 1,
                    "last_member": sealing.LAST_MEMBER,
                    "entries_sealed": 4,
                    "entries_found": 4,
                }
            ],
            "head": head,
        },
    )
    assert verify_seals("--from", "2026-03-04") == (0, {"verified": 4, "broken": [], "head": head})
    assert verify_seals("--to", "2026-03-02")[1]["verified"] == 1
