"""Refusals: what a verb says when it will not do a thing. One sentence for people, one stable code for programs."""

from typing import Any

from django.utils.functional import Promise


class Refusal(Exception):
    """A verb refuses; subclasses set `code`, `status` (a 4xx) and `sentence`, a lazy translation with named %-parameters.

    `field` names the input at fault, when there is one; `retry_after_seconds` says when asking again may help. Nothing has been
    written when a refusal leaves a verb's transaction.
    """

    code = "refused"
    status = 409
    retry_after_seconds: int | None = None
    sentence: str | Promise = "Refused."

    def __init__(self, *, field: str = "", **parameters: Any) -> None:
        super().__init__(self.code)
        self.field = field
        self.parameters = parameters

    def __str__(self) -> str:
        return str(self.sentence) % self.parameters if self.parameters else str(self.sentence)
