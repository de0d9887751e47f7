from django.apps import AppConfig


class Privacy(AppConfig):
    name = "privacy"

    def ready(self) -> None:
        """Let erasures, copies, destructions and disclosures be asked for under four eyes, and copies be made by the outbox."""
        from foundation.approvals import kinds
        from foundation.messaging.sending import register
        from foundation.outbox.subscribing import subscribe
        from privacy import destroying, disclosing, erasing_for, exporting, exporting_for, telling

        for kind in (erasing_for.KIND, exporting_for.KIND, destroying.KIND, disclosing.KIND):
            kinds.register(kind)
        subscribe(topic=exporting.TOPIC, handle=exporting.make)
        register(kind=exporting.MESSAGE, write=telling.write_ready)
