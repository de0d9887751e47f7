"""Keeping an import inside its importer's branches: who lies outside doesn't exist for it."""

from collections.abc import Sequence
from typing import Any

from foundation.access.models import Branch
from importing.models import Import
from members.models import Account, Member


def outside(reports: Sequence[Any], *, import_: Import) -> list[str]:
    """Return for each report the code of why it reaches out of the import's branches, or is about a closed member; else "".

    Two statements at most, for one report and for thousands.
    """
    path = import_.branch.path
    match import_.kind:
        case Import.Kind.MEMBERS:
            codes = set(Branch.objects.under([path]).values_list("code", flat=True))
            members = _members({report.number for report in reports})
            return [_of_member(report, codes, members, path) for report in reports]
        case Import.Kind.SNAPSHOTS:
            members = {}
        case _:
            members = _members({report.member_number for report in reports if report.member_number})
    named = {report.account_number for report in reports if getattr(report, "account_number", "")}
    accounts: dict[str, str] = {}
    if named:
        accounts = dict(Account.objects.filter(number__in=named).values_list("number", "member__branch__path"))
    return [_of_owner(report, members, accounts, path) for report in reports]


def _members(numbers: set[str]) -> dict[str, tuple[str, str]]:
    """Return the branch path and the status of each member number that is known."""
    found = Member.objects.filter(number__in=numbers).values_list("number", "branch__path", "status")
    return {number: (path, status) for number, path, status in found}


def _of_member(report: Any, codes: set[str], members: dict[str, tuple[str, str]], path: str) -> str:
    if report.branch_code not in codes:
        return "unknown_branch"
    known = members.get(report.number)
    if known is None:
        return ""
    if not known[0].startswith(path):
        return "number_elsewhere"
    return "closed_member" if known[1] == Member.Status.CLOSED else ""


def _of_owner(report: Any, members: dict[str, tuple[str, str]], accounts: dict[str, str], path: str) -> str:
    """Return what is wrong with whose a report is; what names nobody, the verb refuses by itself."""
    number, account = getattr(report, "member_number", ""), getattr(report, "account_number", "")
    if number in members and not members[number][0].startswith(path):
        return "unknown_member"
    if account in accounts and not accounts[account].startswith(path):
        return "unknown_account"
    return ""
