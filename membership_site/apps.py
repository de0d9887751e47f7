"""The site itself as an app: its commands, its tasks, and the Celery application that shared tasks bind to."""

from django.apps import AppConfig


class MembershipSite(AppConfig):
    name = "membership_site"
    label = "site"

    def ready(self) -> None:
        from foundation.approvals import kinds
        from membership_site import celery, merge_requests  # noqa: F401  (binds shared_task to our broker in every process)

        for kind in merge_requests.KINDS:
            kinds.register(kind)
