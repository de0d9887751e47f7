"""How much a role may decide: one table, in code, beside the roles. Above a role's limit only a higher one decides."""

import dataclasses
from collections.abc import Iterable

from foundation.access.models import Role


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """What one decision may be worth, and what a day's decisions may sum up to, in the kind's own unit; None: without limit.

    The day's sum is that of one requester, and of one target: a sum cut into small requests is still that sum.
    """

    single: int | None
    a_day: int | None

    def covers(self, *, amount: int, day_amount: int) -> bool:
        """Tell whether a request of `amount` fits that brings the day to `day_amount`."""
        return (self.single is None or amount <= self.single) and (self.a_day is None or day_amount <= self.a_day)


# Rules have no amount: whoever decides on them decides on all.
RULES: dict[str, Limit] = {
    Role.PROGRAMME_MANAGER: Limit(single=None, a_day=None),
    Role.COMPLIANCE: Limit(single=None, a_day=None),
}

# What destroys, or tells others, has no amount either.
COMPLIANCE_ALONE: dict[str, Limit] = {Role.COMPLIANCE: Limit(single=None, a_day=None)}

# Nor has a merge of two records.
MERGES: dict[str, Limit] = {
    Role.BRANCH_MANAGER: Limit(single=None, a_day=None),
    Role.COMPLIANCE: Limit(single=None, a_day=None),
}

# Rows of members, accounts and balances have no worth of their own.
IMPORTS: dict[str, Limit] = {
    Role.BRANCH_MANAGER: Limit(single=None, a_day=None),
    Role.PROGRAMME_MANAGER: Limit(single=None, a_day=None),
}

# Kind of request, then role. A role without a line decides nothing of that kind, whatever else it may.
LIMITS: dict[str, dict[str, Limit]] = {
    "access.posting": {Role.COMPLIANCE: Limit(single=None, a_day=None)},
    "members.merge": MERGES,
    "members.undo_merge": MERGES,
    "importing.load": IMPORTS,
    "importing.undo": IMPORTS,
    "importing.open": {Role.FINANCE: Limit(single=None, a_day=None)},
    "importing.undo_opening": {Role.FINANCE: Limit(single=None, a_day=None)},
    "access.sign_in": {Role.COMPLIANCE: Limit(single=None, a_day=None)},
    "points.adjust": {
        Role.BRANCH_MANAGER: Limit(single=50_000, a_day=100_000),
        Role.FINANCE: Limit(single=None, a_day=None),
    },
    "members.reinstate": {Role.COMPLIANCE: Limit(single=None, a_day=None)},
    "points.thaw": {Role.COMPLIANCE: Limit(single=None, a_day=None)},
    # In tiers above the one that the member holds; a freeze and an early end are 0.
    "tiers.protect": {
        Role.BRANCH_MANAGER: Limit(single=1, a_day=5),
        Role.PROGRAMME_MANAGER: Limit(single=None, a_day=None),
    },
    "tiers.end_protection": {
        Role.BRANCH_MANAGER: Limit(single=None, a_day=None),
        Role.PROGRAMME_MANAGER: Limit(single=None, a_day=None),
    },
    "privacy.erase": COMPLIANCE_ALONE,
    "privacy.destroy": COMPLIANCE_ALONE,
    "privacy.disclose": COMPLIANCE_ALONE,
    "privacy.export": {
        Role.BRANCH_MANAGER: Limit(single=None, a_day=None),
        Role.COMPLIANCE: Limit(single=None, a_day=None),
    },
    "tiers.rule_book": RULES,
    "tiers.roll_back": RULES,
    "tiers.withdraw_rule_book": RULES,
}


def limits_of(*, kind: str, roles: Iterable[str]) -> list[Limit]:
    """Return the limits that the roles give for requests of a kind; none where they may not decide at all."""
    table = LIMITS.get(kind, {})
    return [table[role] for role in roles if role in table]
