from django.apps import AppConfig


class Access(AppConfig):
    name = "foundation.access"
    label = "access"

    def ready(self) -> None:
        """Let a change of a posting, or of what somebody signs in with, be asked for under four eyes."""
        from foundation.access import asking, recovering
        from foundation.approvals import kinds

        kinds.register(asking.KIND)
        kinds.register(recovering.KIND)
