"""The intake command: what it takes, what it refuses, and what it answers."""

import csv
import datetime
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from activity.models import Activity, BalanceSnapshot, Intake, Reversal
from activity.opening import open_files
from activity.reading_profile import read_profile
from activity.sifting import Sieve
from activity.taking_in import Delivery, Tally, take
from foundation import transactions
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from members.models import Member
from members.sealing import open_person
from tests.factories import FIRST_BUSINESS_DATE, AccountFactory, BankFactory, BranchFactory, MemberFactory

PROFILE = """
name = "Cards"
source = "cards"

[files.activities]
glob = "*.csv"

[[load]]
target = "activities"
file = "activities"

[load.fields]
external_id = "id"
account_number = "account"
occurred_at = "at"
direction = { constant = "debit" }
kind = { constant = "card_spend" }
amount = "amount"
"""
HEADER = "id,account,at,amount"
GOOD = ["t1,A1,2026-02-27 12:00,10.00", "t2,A1,2026-02-27 12:01,20.00", "t3,A2,2026-02-28,0.05"]


@pytest.fixture
def bank(committed):
    """Wang with account A1, Li with A2."""
    BankFactory()
    AccountFactory(member=MemberFactory(number="WANG"), number="A1")
    AccountFactory(member=MemberFactory(number="LI"), number="A2")


@pytest.fixture
def intake(tmp_path):
    """Run the command over lines; return exit code, JSON answer, and the rows of the error file."""
    (tmp_path / "profile.toml").write_text(PROFILE, encoding="utf-8")
    errors = tmp_path / "errors.txt"

    def run(lines, *arguments, header=HEADER):
        (tmp_path / "cards.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        answer = StringIO()
        try:
            call_command(
                "intake", "--profile", str(tmp_path / "profile.toml"), str(tmp_path / "cards.csv"), "--json",
                "--errors", str(errors), *arguments, stdout=answer,
            )  # fmt: skip
            code = 0
        except SystemExit as end:
            code = end.code
        with errors.open(encoding="utf-8", newline="") as stream:
            return code, json.loads(answer.getvalue()), list(csv.DictReader(stream))

    return run


def test_good_rows_come_in_and_again_change_nothing(bank, intake):
    first = intake(GOOD)
    again = intake(GOOD)

    assert (first[0], first[1]["targets"], first[2]) == (0, {"activities": {"recorded": 3}}, [])
    assert (again[0], again[1]["targets"], again[2]) == (0, {"activities": {"duplicate": 3}}, [])
    assert Activity.objects.count() == 3
    assert Intake.objects.order_by("pk").values_list("profile", "source__code", "counts")[0] == (
        "Cards", "cards", {"activities": {"recorded": 3}}
    )  # fmt: skip
    assert AuditEvent.objects.filter(verb="activity.intake", system="intake").count() == 2


def test_bad_rows_are_reported_and_the_good_ones_taken(bank, intake):
    bad = ["t4,A9,2026-02-27,1.00", "t5,A1,yesterday,1.00", "t1,A1,2026-02-27 12:00,99.00", "t6,A1"]

    code, answer, errors = intake([GOOD[0], *bad, *GOOD[1:]])

    assert code == 3
    assert answer["refused"] == 4
    assert answer["targets"]["activities"] == {
        "conflict": 1, "recorded": 3, "unknown_account": 1, "unreadable_time": 1, "wrong_column_count": 1
    }  # fmt: skip
    assert sorted((error["line"], error["field"], error["reason"]) for error in errors) == [
        ("3", "account_number", "unknown_account"),
        ("4", "occurred_at", "unreadable_time"),
        ("5", "", "conflict"),
        ("6", "", "wrong_column_count"),
    ]
    by_line = {error["line"]: error for error in errors}
    assert json.loads(by_line["3"]["row"]) == ["t4", "A9", "2026-02-27", "1.00"]
    assert by_line["3"]["sentence"] == "The member has no account of this number."
    assert by_line["3"]["file"] == "cards.csv"


def test_a_dry_run_counts_alike_and_keeps_nothing(bank, intake):
    code, answer, errors = intake([*GOOD, "t4,A9,2026-02-27,1.00"], "--dry-run")

    assert (code, answer["dry_run"], len(errors)) == (3, True, 1)
    assert answer["targets"] == {"activities": {"recorded": 3, "unknown_account": 1}}
    assert (Activity.objects.count(), Intake.objects.count(), AuditEvent.objects.count()) == (0, 0, 0)


def test_a_malformed_envelope_refuses_the_file_whole(bank, intake):
    with pytest.raises(CommandError, match="it lacks the columns amount") as refused:
        intake(GOOD, header="id,account,at,total")

    assert refused.value.returncode == 1
    assert (Activity.objects.count(), Intake.objects.count()) == (0, 0)


def test_without_a_business_date_nothing_is_taken(committed, intake):
    with pytest.raises(CommandError, match="no business date yet") as refused:
        intake(GOOD)

    assert refused.value.returncode == 1
    assert Intake.objects.count() == 0


def test_the_error_file_is_for_its_owner_only(bank, intake, tmp_path):
    intake(["t4,A9,2026-02-27,1.00"])

    assert (tmp_path / "errors.txt").stat().st_mode & 0o077 == 0


def test_an_invalid_profile_is_refused_with_all_its_complaints(tmp_path):
    (tmp_path / "profile.toml").write_text('source = ""\ncolour = "red"\n')

    with pytest.raises(CommandError) as refused:
        call_command("intake", "--profile", str(tmp_path / "profile.toml"), str(tmp_path))

    assert refused.value.returncode == 2
    assert [line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:]] == [
        "source",
        "name",
        "colour",
        "load",
    ]


def test_an_intake_that_was_killed_goes_on_where_it_stood(bank, intake, tmp_path):
    lines = [f"k{index},A1,2026-02-27,1.00" for index in range(7_000)]
    intake([])
    (tmp_path / "cards.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    profile = read_profile(PROFILE)
    with Sieve() as sieve:
        delivery = Delivery(
            profile=profile, files=open_files(profile, [tmp_path / "cards.csv"]), sieve=sieve, tally=Tally()
        )
        first = next(delivery.batches())
        transactions.commit(take, batch=first, at=datetime.datetime.now(datetime.UTC), actor=Actor.job("intake"))

    code, answer, _errors = intake(lines)

    assert (code, answer["targets"]) == (0, {"activities": {"duplicate": 5_000, "recorded": 2_000}})


def test_of_a_hundred_thousand_rows_37_are_bad_and_come_in_when_mended(bank, intake):
    lines = [f"n{index},A{1 + index % 2},2026-02-{1 + index % 27:02},{index % 9000 + 1}.50" for index in range(100_000)]
    bad = range(1_234, 100_000, 2_700)
    breaking = (
        lambda row: row + ",surplus",
        lambda row: row.replace(",A", ",Z"),
        lambda row: row.replace("-02-", "-13-"),
    )
    broken = list(lines)
    for turn, index in enumerate(bad):
        broken[index] = breaking[turn % 3](broken[index])

    code, answer, errors = intake(broken)
    mended = intake([lines[index] for index in bad])

    assert len(bad) == 37
    assert (code, answer["refused"], answer["targets"]["activities"]["recorded"]) == (3, 37, 99_963)
    assert sorted(int(error["line"]) for error in errors) == [index + 2 for index in bad]
    assert (mended[0], mended[1]["targets"]) == (0, {"activities": {"recorded": 37}})
    assert Activity.objects.count() == 100_000


WHOLE = """
name = "福州银行"
source = "core"
formats = { encoding = "gb18030", delimiter = "|", quote = "", date = "%Y%m%d" }

[files.customers]
glob = "客户*.txt"

[files.accounts]
glob = "账户*.txt"

[files.balances]
glob = "余额*.txt"

[codes.genders]
1 = "male"
2 = "female"

[codes.classes]
D = "deposit"
W = "wealth"

[[load]]
target = "grades"
file = "customers"
fields = { member_number = "客户号", day = "评级日", grade = "评级" }

[[load]]
target = "grades"
file = "customers"
source = "risk"
where = [{ column = "风险", not_in = [""] }]
fields = { member_number = "客户号", day = "评级日", grade = "风险", scale = { constant = "risk" } }

[[load]]
target = "snapshots"
file = "balances"
order = "序号"
fields = { account_number = "账号", day = "日期", amount = "余额" }

[[load]]
target = "members"
file = "customers"
[load.fields]
number = "客户号"
branch_code = "网点"
joined_on = "开户日"
full_name = "姓名"
phone = "手机"
national_id = "证件号"
gender = { column = "性别", codes = "genders", unlisted = "" }

[[load]]
target = "accounts"
file = "accounts"
[load.fields]
number = "账号"
member_number = "客户号"
account_class = { column = "类别", codes = "classes" }
opened_on = "开户日"
closed_on = "销户日"
"""
CUSTOMERS = """客户号|网点|开户日|姓名|手机|证件号|性别|评级日|评级|风险
K1|HQ|20240115|王小明|13800131234|110101199003070011|1|20260228|7|2
K2|HQ|20240201|欧阳娜娜||  |9|20260228|x|
K3|??|20240201|买买提·艾力||||20260228|3|
"""
ACCOUNTS = """账号|客户号|类别|开户日|销户日
Z1|K1|D|20240115|
Z2|K1|W|20240115|20260210
Z3|K2|X|20240201|
"""
BALANCES = """账号|日期|余额|序号
Z1|20260201|10.00|2
Z1|20260201|99.00|1
Z2|20260201|50.00|1
Z2|20260215|50.00|1
"""


def test_a_delivery_of_every_target_in_the_banks_own_words(committed, tmp_path):
    BankFactory()
    BranchFactory(code="HQ")
    (tmp_path / "profile.toml").write_text(WHOLE, encoding="utf-8")
    for name, content in (("客户_0301", CUSTOMERS), ("账户_0301", ACCOUNTS), ("余额_0301", BALANCES)):
        (tmp_path / f"{name}.txt").write_bytes(content.encode("gb18030"))
    answer = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("intake", "--profile", str(tmp_path / "profile.toml"), str(tmp_path), "--json", stdout=answer)

    assert end.value.code == 3
    assert json.loads(answer.getvalue())["targets"] == {
        "members": {"enrolled": 2, "unknown_branch": 1},
        "accounts": {"opened": 2, "unlisted_code": 1},
        "snapshots": {"account_closed": 1, "recorded": 2, "superseded": 1},
        "grades": {"recorded": 2, "unknown_member": 1, "unreadable_number": 1},
    }
    wang, ouyang = Member.objects.order_by("number")
    assert (wang.person.masked_name, wang.person.masked_phone, ouyang.person.masked_name) == (
        "王*",
        "138****1234",
        "欧阳*",
    )
    assert open_person(wang.person).gender == "male"
    balances = BalanceSnapshot.objects.order_by("account_id", "day").values_list("account_id", "day", "amount_minor")
    deposit, wealth = wang.accounts.order_by("number").values_list("pk", flat=True)
    assert list(balances) == [
        (deposit, datetime.date(2026, 2, 1), 1_000),
        (wealth, datetime.date(2026, 2, 1), 5_000),
        (wealth, datetime.date(2026, 2, 10), 0),
    ]


REVERSALS = """
[files.refunds]
glob = "*.refunds"

[[load]]
target = "reversals"
file = "refunds"

[load.fields]
external_id = "id"
original_external_id = "of"
account_number = "account"
occurred_at = "at"
amount = "amount"
"""


def test_refunds_come_with_their_activities_in_any_order_of_nights(bank, intake, tmp_path):
    """B11, B12: the refund's file first, then both, then both under another name: each refund is taken once."""
    (tmp_path / "profile.toml").write_text(PROFILE + REVERSALS, encoding="utf-8")
    refunds = ["id,of,account,at,amount", "r1,t1,A1,2026-02-27 13:00,4.00", "r2,t2,A1,2026-02-27 13:00,"]
    bad = ["r3,t1,A1,2026-02-27 14:00,6.01", "r4,r1,A1,2026-02-27 14:00,1.00", "r5,t1,A2,2026-02-27 14:00,1.00"]

    def bring(name, lines):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        answer = StringIO()
        try:
            call_command(
                "intake", "--profile", str(tmp_path / "profile.toml"), str(tmp_path / name), "--json", stdout=answer
            )
        except SystemExit as end:
            assert end.code == 3
        return json.loads(answer.getvalue())["targets"]

    early = bring("early.refunds", refunds)
    activities = intake(GOOD)[1]["targets"]
    again = bring("again.refunds", refunds)
    renamed = bring("renamed.refunds", [*refunds, *bad])

    assert early == {"reversals": {"parked": 2}}
    assert activities == {"activities": {"recorded": 3}}
    assert again == {"reversals": {"duplicate": 2}}
    assert renamed == {
        "reversals": {"duplicate": 2, "not_his_activity": 1, "over_reversed": 1, "reversal_of_reversal": 1}
    }
    taken = Reversal.objects.order_by("external_id").values_list("external_id", "reversed_minor", "booked_on")
    assert list(taken) == [("r1", 4_00, FIRST_BUSINESS_DATE), ("r2", 20_00, FIRST_BUSINESS_DATE)]
