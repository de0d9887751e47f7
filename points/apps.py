from django.apps import AppConfig


class Points(AppConfig):
    name = "points"

    def ready(self) -> None:
        from foundation.outbox.subscribing import subscribe
        from points import transferring

        subscribe(topic=transferring.CREDIT, handle=transferring.credit)
        subscribe(topic=transferring.CREDIT_BACK, handle=transferring.credit_back)
