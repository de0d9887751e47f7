from django.apps import AppConfig


class Activity(AppConfig):
    name = "activity"

    def ready(self) -> None:
        """Let the word before a membership falls asleep be written when the outbox sends it."""
        from activity import idling
        from foundation.messaging.sending import register
        from members import writing

        register(kind=idling.NOTICE, write=writing.write_dormancy_notices)
