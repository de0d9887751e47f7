"""The tiers' app: it tells the ledger below how a member's tier is found, and the approvals what can be asked for."""

from django.apps import AppConfig


class Tiers(AppConfig):
    name = "tiers"

    def ready(self) -> None:
        from foundation.approvals import kinds
        from points import expiring
        from tiers import proposing, protection_requests, standings

        for kind in protection_requests.KINDS:
            kinds.register(kind)
        expiring.register(tier_on=standings.main_tier_code, tier_names=standings.main_tier_names)
        for kind in proposing.KINDS:
            kinds.register(kind)
