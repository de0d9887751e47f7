from django.apps import AppConfig


class Points(AppConfig):
    name = "points"

    def ready(self) -> None:
        """Let corrections and thaws be asked for under four eyes, and let transfers arrive."""
        from foundation.approvals import kinds
        from foundation.outbox.subscribing import subscribe
        from points import correcting, freezing, transferring

        kinds.register(correcting.KIND)
        kinds.register(freezing.KIND)
        subscribe(topic=transferring.CREDIT, handle=transferring.credit)
        subscribe(topic=transferring.CREDIT_BACK, handle=transferring.credit_back)
