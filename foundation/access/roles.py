"""What a role allows: one table, in code, so that a change of rights is a reviewed change."""

from collections.abc import Iterable

from foundation.access.models import Role, StaffPosting

# Everybody on the staff may read how the programme works, and which dates are open.
RULES = {
    "tiers.view_programme",
    "tiers.view_tier",
    "tiers.view_rulebook",
    "campaigns.view_earningrule",
    "points.view_pointcurrency",
    "access.view_branch",
    "jobs.view_businessdate",
}
# A member's page: the person masked, his accounts, his ledger, his standings and the decisions behind them.
PEOPLE = {"members.view_member"}
# What a teller does for a member who stands before him.
COUNTER = {"points.redeem"}
# The bank's totals: no single member can be read out of them.
TOTALS = {"points.view_totals", "tiers.view_totals"}
RUNS = {"jobs.view_jobrun", "activity.view_intake"}
TRAIL = {"audit.view_auditevent", "access.view_staffposting"}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.TELLER: frozenset(RULES | PEOPLE | COUNTER),
    Role.PROGRAMME_MANAGER: frozenset(RULES | TOTALS | RUNS),
    Role.COMPLIANCE: frozenset(RULES | PEOPLE | TOTALS | RUNS | TRAIL),
    Role.IT: frozenset({"jobs.view_businessdate"} | RUNS),
}


def permissions(postings: Iterable[StaffPosting]) -> set[str]:
    """Return every permission that one of the postings gives."""
    return set().union(*(PERMISSIONS[posting.role] for posting in postings))


def roles_with(permission: str) -> set[str]:
    """Return the roles that give `permission`."""
    return {role for role, granted in PERMISSIONS.items() if permission in granted}
