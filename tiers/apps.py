"""The tiers' app: it tells the ledger below how a member's tier is found."""

from django.apps import AppConfig


class Tiers(AppConfig):
    name = "tiers"

    def ready(self) -> None:
        from points import expiring
        from tiers import standings

        expiring.register(tier_on=standings.main_tier_code, tier_names=standings.main_tier_names)
