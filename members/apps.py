from django.apps import AppConfig


class Members(AppConfig):
    name = "members"

    def ready(self) -> None:
        """Let messages be written when the outbox sends them, and let reinstating be asked for under four eyes."""
        from foundation.access import grants, noticing
        from foundation.approvals import kinds
        from foundation.messaging.sending import register
        from members import accepting, inviting, merging, suspending, verifying, writing

        register(kind=verifying.CODE, write=writing.write_codes)
        register(kind=accepting.WELCOME, write=writing.write_welcomes)
        register(kind=noticing.NOTICE, write=writing.write_notices)
        register(kind=inviting.INVITATION, write=writing.write_invitations)
        register(kind=merging.MERGED, write=writing.write_merged)
        kinds.register(suspending.KIND)
        register(kind=writing.FILE_REVIEW, write=writing.write_reviews)
        register(kind=grants.STOLEN, write=writing.write_of_stolen_tokens)
