"""Importing: files that people upload, checked, approved by another person, taken in chunk by chunk, and taken back as a batch."""

from django.apps import AppConfig


class Importing(AppConfig):
    name = "importing"

    def ready(self) -> None:
        """Let imports, and taking them back, be asked for under four eyes."""
        from foundation.approvals import kinds
        from importing import asking

        for kind in asking.KINDS:
            kinds.register(kind)
