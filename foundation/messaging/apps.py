from django.apps import AppConfig


class Messaging(AppConfig):
    name = "foundation.messaging"
    label = "messaging"

    def ready(self) -> None:
        """Let the outbox send what is owed as messages."""
        from foundation.messaging import sending
        from foundation.outbox.subscribing import subscribe

        subscribe(topic=sending.TOPIC, handle=sending.send)
