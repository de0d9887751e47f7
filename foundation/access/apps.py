from django.apps import AppConfig


class Access(AppConfig):
    name = "foundation.access"
    label = "access"

    def ready(self) -> None:
        """Let a change of a posting be asked for under four eyes."""
        from foundation.access import asking
        from foundation.approvals import kinds

        kinds.register(asking.KIND)
