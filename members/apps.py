from django.apps import AppConfig


class Members(AppConfig):
    name = "members"

    def ready(self) -> None:
        """Let codes, welcomes and words about a sign-in be written when the outbox sends them."""
        from foundation.access import noticing
        from foundation.messaging.sending import register
        from members import accepting, verifying, writing

        register(kind=verifying.CODE, write=writing.write_codes)
        register(kind=accepting.WELCOME, write=writing.write_welcomes)
        register(kind=noticing.NOTICE, write=writing.write_notices)
