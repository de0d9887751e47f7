from django.apps import AppConfig


class Points(AppConfig):
    name = "points"

    def ready(self) -> None:
        """Let corrections be asked for under four eyes."""
        from foundation.approvals import kinds
        from points import correcting

        kinds.register(correcting.KIND)
