"""Files of accounts, balances and holdings: through the verbs that the intake calls."""

import pytest

from activity.models import BalanceSnapshot, Holding
from importing import asking
from members.models import Account
from tests.factories import AccountFactory, MemberFactory
from tests.importing.cast import Cast, ask, assemble, checked, counts, faults, imported

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return assemble()


def test_accounts_are_opened_and_closed(cast):
    text = "账号,会员号,账户类别,开户日期,销户日期\n62-1,A-WANG,deposit,2020-05-01,\n62-2,A-WANG,wealth,20210101,\n"
    imported(cast, text, kind="accounts")

    closing = imported(cast, text.replace("2020-05-01,", "2020-05-01,2026-01-31"), kind="accounts")

    assert counts(closing) == {"changed": 1, "unchanged": 1}
    assert [f"{one.closed_on}" for one in Account.objects.order_by("number")] == ["2026-01-31", "None"]


def test_a_balance_reported_otherwise_is_a_change_and_the_old_row_stays(cast):
    account = AccountFactory(member=cast.wang, number="62-1")
    text = '账号,日期,余额\n62-1,2026-01-31,"12,345.60"\n62-1,2026/2/28,-3\n'
    first = imported(cast, text, kind="snapshots", control_total=1_234_260)

    second = imported(cast, text.replace(",-3", ",-4"), kind="snapshots")

    assert (counts(first), first.result["sums"]) == ({"new": 2}, {"control": 1_234_260, "money": 1_234_260})
    assert counts(second) == {"changed": 1, "unchanged": 1}
    found = BalanceSnapshot.objects.filter(account_id=account.pk).order_by("day", "revision")
    assert list(found.values_list("revision", "amount_minor")) == [(1, 1_234_560), (1, -300), (2, -400)]


def test_balances_that_differ_from_their_control_total_are_not_taken_in(cast):
    AccountFactory(member=cast.wang, number="62-1")

    import_ = checked(cast, "账号,日期,余额\n62-1,2026-01-31,10.00\n", kind="snapshots", control_total=1_001)

    with pytest.raises(asking.ControlTotalDiffers) as refused:
        ask(import_)
    assert str(refused.value).startswith("The rows sum up to 10.00, the control total is 10.01.")
    assert not BalanceSnapshot.objects.exists()


def test_balances_of_another_branch_or_of_nobody_are_errors(cast):
    AccountFactory(member=MemberFactory(branch=cast.harbour), number="62-9")

    rows = "62-9,2026-01-31,1\n62-0,2026-01-31,1\n62-0,2026-02-30,1\n62-0,2026-02-28,x\n"
    import_ = checked(cast, "账号,日期,余额\n" + rows, kind="snapshots")

    assert faults(import_) == [
        (2, "account_number", "unknown_account"),
        (3, "account_number", "unknown_account"),
        (4, "day", "unreadable_date"),
        (5, "amount", "unreadable_amount"),
    ]


def test_holdings_name_a_member_or_an_account(cast):
    AccountFactory(member=cast.wang, number="62-1")
    text = (
        "持有编号,产品,持有起始日,持有终止日,会员号,账号\nH1,fund,2024-01-15,,A-WANG,\n"
        "H2,card,2024-01-15,,,62-1\nH3,card,2024-01-15,,,\n"
    )
    first = imported(cast, text, kind="holdings")

    second = imported(cast, text.replace("2024-01-15,,A", "2024-01-15,2026-01-01,A"), kind="holdings")

    assert counts(first) == {"new": 2, "error": 1}
    assert faults(first) == [(4, "member_number", "unknown_member")]
    assert counts(second) == {"changed": 1, "unchanged": 1, "error": 1}
    assert Holding.objects.filter(member_id=cast.wang.pk).count() == 3
