"""What each permission allows, in words: for the page that shows the roles, and for who reviews them."""

from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Any] = {
    "tiers.view_programme": _("read programmes"),
    "tiers.view_tier": _("read tiers"),
    "tiers.view_rulebook": _("read rule books"),
    "tiers.view_totals": _("sum up tiers"),
    "campaigns.view_earningrule": _("read earning rules"),
    "campaigns.view_refusedclawback": _("read refused clawbacks"),
    "points.view_pointcurrency": _("read point currencies"),
    "points.view_totals": _("sum up points"),
    "points.view_books": _("read the books"),
    "points.redeem": _("redeem at the counter"),
    "points.request_adjustment": _("ask for corrections of points"),
    "points.decide_adjustment": _("decide on corrections of points"),
    "members.view_member": _("see members, masked"),
    "members.reveal_person": _("see a person in clear, for a minute"),
    "members.assign_manager": _("assign relationship managers"),
    "activity.view_intake": _("read intakes"),
    "activity.view_parkedreversal": _("read parked reversals"),
    "jobs.view_businessdate": _("read business dates"),
    "jobs.view_jobrun": _("read job runs"),
    "outbox.view_obligation": _("read the outbox"),
    "outbox.change_obligation": _("try the outbox again"),
    "audit.view_auditevent": _("read the audit trail"),
    "audit.export_auditevent": _("export the audit trail"),
    "approvals.view_request": _("read requests"),
    "access.view_branch": _("read branches"),
    "access.view_role": _("read roles and API clients"),
    "access.view_staffposting": _("read staff postings"),
    "access.request_posting": _("ask for changes of postings"),
    "access.decide_posting": _("decide on changes of postings"),
}
