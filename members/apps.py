from django.apps import AppConfig


class Members(AppConfig):
    name = "members"

    def ready(self) -> None:
        """Let codes and welcomes be written when the outbox sends them."""
        from foundation.access import grants
        from foundation.messaging.sending import register
        from members import accepting, verifying, writing

        register(kind=verifying.CODE, write=writing.write_codes)
        register(kind=accepting.WELCOME, write=writing.write_welcomes)
        register(kind=grants.STOLEN, write=writing.write_of_stolen_tokens)
