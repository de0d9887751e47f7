from django.apps import AppConfig


class Campaigns(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        """Let rehearsals of tiers count what their multipliers cost."""
        from campaigns import costing
        from tiers import comparing

        comparing.costs["multipliers"] = costing.multipliers
