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
COUNTER = {"points.redeem", "members.enrol_member"}
# The bank's totals: no single member can be read out of them.
TOTALS = {"points.view_totals", "tiers.view_totals"}
# Liability, daily totals, journal, breakage: sums by branch and campaign.
BOOKS = {"points.view_books"}
# What came and what became of it; no member can be told by it.
RUNS = {"jobs.view_jobrun", "activity.view_intake", "activity.view_parkedreversal", "campaigns.view_refusedclawback"}
OUTBOX = {"outbox.view_obligation"}
TRAIL = {"audit.view_auditevent", "access.view_staffposting"}
# Four eyes: everybody with a need reads the requests of his branches; who proposes and who decides is said kind by kind.
REQUESTS = {"approvals.view_request"}
PROPOSE_POINTS = {"points.request_adjustment"}
DECIDE_POINTS = {"points.decide_adjustment"}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.TELLER: frozenset(RULES | PEOPLE | COUNTER | REQUESTS | PROPOSE_POINTS),
    Role.BRANCH_MANAGER: frozenset(RULES | PEOPLE | TOTALS | REQUESTS | PROPOSE_POINTS | DECIDE_POINTS),
    Role.PROGRAMME_MANAGER: frozenset(RULES | TOTALS | RUNS | BOOKS | REQUESTS | PROPOSE_POINTS),
    Role.COMPLIANCE: frozenset(RULES | PEOPLE | TOTALS | RUNS | TRAIL | BOOKS | REQUESTS | OUTBOX),
    Role.FINANCE: frozenset(RULES | TOTALS | RUNS | BOOKS | REQUESTS | DECIDE_POINTS),
    Role.IT: frozenset({"jobs.view_businessdate"} | RUNS | OUTBOX | {"outbox.change_obligation"}),
}


def permissions(postings: Iterable[StaffPosting]) -> set[str]:
    """Return every permission that one of the postings gives."""
    return set().union(*(PERMISSIONS[posting.role] for posting in postings))


def roles_with(permission: str) -> set[str]:
    """Return the roles that give `permission`."""
    return {role for role, granted in PERMISSIONS.items() if permission in granted}
