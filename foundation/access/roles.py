"""What a role allows: one table, in code, so that a change of rights is a reviewed change."""

from collections.abc import Iterable

from foundation.access.models import Role, StaffPosting

# How the programme works; a partner's people may know it, too.
PROGRAMME = {"tiers.view_programme", "tiers.view_tier", "points.view_pointcurrency"}
# Everybody on the staff may read how the programme works, and which dates are open.
RULES = PROGRAMME | {
    "tiers.view_rulebook",
    "campaigns.view_earningrule",
    "access.view_branch",
    "jobs.view_businessdate",
}
# A member's page: the person masked, his accounts, his ledger, his standings and the decisions behind them.
PEOPLE = {"members.view_member", "members.view_memberfile", "tiers.view_protection"}
# What the bank knows of a member, corrected with him or his document at hand.
MEND = {"members.mend_file"}
# The person in clear, for a minute, with a reason and a trace.
REVEAL = {"members.reveal_person"}
# Who looks after whom.
CARE = {"members.assign_manager"}
# Two records of one person, and who lives with whom: found and asked for at the counter, decided by who leads it.
SAME_PERSON = {"members.request_merge", "members.edit_household"}
DECIDE_MERGE = {"members.decide_merge"}
# What a teller does for a member who stands before him.
COUNTER = {"points.redeem", "members.enrol_member"}
# The bank's totals: no single member can be read out of them.
TOTALS = {"points.view_totals", "tiers.view_totals"}
# Other rules replayed over history: sums, and the numbers of who would move.
REHEARSALS = {"tiers.view_rehearsal"}
# Liability, daily totals, journal, breakage: sums by branch and campaign.
BOOKS = {"points.view_books"}
# What came and what became of it; no member can be told by it.
RUNS = {"jobs.view_jobrun", "activity.view_intake", "activity.view_parkedreversal", "campaigns.view_refusedclawback"}
OUTBOX = {"outbox.view_obligation"}
TRAIL = {"audit.view_auditevent", "audit.export_auditevent"}
# Who may do what: roles, postings, systems.
ACCESS = {"access.view_role", "access.view_staffposting"}
PROPOSE_POSTING = {"access.request_posting"}
DECIDE_POSTING = {"access.decide_posting"}
# Who has lost what he signs in with: his second factors are taken away, or his sign-in is closed, under four eyes.
PROPOSE_SIGN_IN = {"access.request_sign_in"}
DECIDE_SIGN_IN = {"access.decide_sign_in"}
# Four eyes: everybody with a need reads the requests of his branches; who proposes and who decides is said kind by kind.
REQUESTS = {"approvals.view_request"}
PROPOSE_POINTS = {"points.request_adjustment"}
DECIDE_POINTS = {"points.decide_adjustment"}
# A purse that must not be spent from for now: whoever hears of it first stops it; lifting is a step up.
FREEZE, THAW, DECIDE_THAW = {"points.freeze_purse"}, {"points.thaw_purse"}, {"points.decide_thaw"}
# A membership that neither earns nor spends for now, or ends; lifting it takes two.
SUSPEND, DECIDE_REINSTATEMENT = {"members.suspend_member"}, {"members.decide_reinstatement"}
CLOSE, INVITE = {"members.close_member"}, {"members.invite_member"}
PROPOSE_TIERS = {"tiers.request_protection"}
DECIDE_TIERS = {"tiers.decide_protection"}
# Files of members, accounts, balances, holdings, opening points: who brings them, who lets them in, and finance for points.
SEE_IMPORTS, START_IMPORTS = {"importing.view_import"}, {"importing.start_import"}
DECIDE_IMPORTS, DECIDE_OPENING = {"importing.decide_import"}, {"importing.decide_opening"}
# Rules are proposed by those who keep the programme, and decided by another of them or by compliance.
PROPOSE_RULES = {"tiers.view_draft", "tiers.propose_rulebook"}
DECIDE_RULES = {"tiers.view_draft", "tiers.decide_rulebook"}

# People's rights over their data: copies and erasures for who comes to the counter; terms, holds and disclosures are compliance's.
PRIVACY = {"privacy.request_export", "privacy.request_erasure"}
DECIDE_EXPORT, DECIDE_ERASURE = {"privacy.decide_export"}, {"privacy.decide_erasure"}
READ_RETENTION = {"privacy.view_retention", "privacy.view_certificate", "privacy.view_destruction"}
DISCLOSE = {"privacy.view_disclosure", "privacy.request_disclosure", "privacy.decide_disclosure"}
RETENTION = {"privacy.hold", "privacy.request_destruction", "privacy.decide_destruction"}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.TELLER: frozenset(
        RULES
        | PEOPLE
        | REVEAL
        | MEND
        | COUNTER
        | SAME_PERSON
        | REQUESTS
        | PROPOSE_POINTS
        | PROPOSE_TIERS
        | FREEZE
        | PRIVACY
    ),
    Role.RELATIONSHIP_MANAGER: frozenset(RULES | PEOPLE | REVEAL | MEND),
    Role.BRANCH_MANAGER: frozenset(
        RULES
        | PEOPLE
        | REVEAL
        | MEND
        | CARE
        | SAME_PERSON
        | DECIDE_MERGE
        | TOTALS
        | REQUESTS
        | PROPOSE_POINTS
        | DECIDE_POINTS
        | PROPOSE_TIERS
        | DECIDE_TIERS
        | FREEZE
        | THAW
        | SUSPEND
        | CLOSE
        | INVITE
        | ACCESS
        | PROPOSE_POSTING
        | PROPOSE_SIGN_IN
        | PRIVACY
        | DECIDE_EXPORT
        | SEE_IMPORTS
        | START_IMPORTS
        | DECIDE_IMPORTS
    ),
    Role.PROGRAMME_MANAGER: frozenset(
        RULES
        | TOTALS
        | RUNS
        | BOOKS
        | REQUESTS
        | PROPOSE_POINTS
        | DECIDE_TIERS
        | PROPOSE_RULES
        | DECIDE_RULES
        | REHEARSALS
        | SEE_IMPORTS
        | START_IMPORTS
        | DECIDE_IMPORTS
        | {"tiers.start_rehearsal"}
    ),
    Role.MARKETING: frozenset(RULES | TOTALS),
    Role.CUSTOMER_SERVICE: frozenset(
        RULES | PEOPLE | REVEAL | MEND | SAME_PERSON | REQUESTS | PROPOSE_POINTS | PROPOSE_SIGN_IN | PRIVACY
    ),
    Role.ANALYST: frozenset(RULES | TOTALS | BOOKS),
    Role.COMPLIANCE: frozenset(
        RULES
        | PEOPLE
        | REVEAL
        | TOTALS
        | RUNS
        | TRAIL
        | BOOKS
        | REQUESTS
        | OUTBOX
        | FREEZE
        | THAW
        | DECIDE_THAW
        | SUSPEND
        | DECIDE_REINSTATEMENT
        | CLOSE
        | DECIDE_MERGE
        | DECIDE_RULES
        | REHEARSALS
        | ACCESS
        | DECIDE_POSTING
        | DECIDE_SIGN_IN
        | PRIVACY
        | DECIDE_EXPORT
        | DECIDE_ERASURE
        | READ_RETENTION
        | RETENTION
        | DISCLOSE
        | SEE_IMPORTS
    ),
    Role.FINANCE: frozenset(RULES | TOTALS | RUNS | BOOKS | REQUESTS | DECIDE_POINTS | SEE_IMPORTS | DECIDE_OPENING),
    Role.PARTNER: frozenset(PROGRAMME),
    Role.IT: frozenset({"jobs.view_businessdate"} | RUNS | OUTBOX | {"outbox.change_obligation"} | ACCESS),
    # Reads all, masked, and who looked at what; changes nothing.
    Role.AUDITOR: frozenset(
        RULES
        | PEOPLE
        | TOTALS
        | RUNS
        | TRAIL
        | BOOKS
        | REQUESTS
        | OUTBOX
        | ACCESS
        | REHEARSALS
        | READ_RETENTION
        | SEE_IMPORTS
        | {"tiers.view_draft"}
    ),
}

# What knows no branches: only a posting in a root of the tree gives it, since a part of it would tell of the rest.
OF_THE_BANK = frozenset(
    RUNS
    | OUTBOX
    | TRAIL
    | READ_RETENTION
    | {"outbox.change_obligation", "privacy.request_destruction", "privacy.decide_destruction"}
)


def permissions(postings: Iterable[StaffPosting]) -> set[str]:
    """Return every permission that one of the postings gives, those of the whole bank only in a root of the tree."""
    given: set[str] = set()
    for posting in postings:
        given |= PERMISSIONS[posting.role] - (frozenset() if posting.reaches_the_bank else OF_THE_BANK)
    return given


def roles_with(permission: str) -> set[str]:
    """Return the roles that give `permission`."""
    return {role for role, granted in PERMISSIONS.items() if permission in granted}
