"""Who acts: a person through a door, or the system by itself."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundation.access.models import User


@dataclasses.dataclass(frozen=True, kw_only=True)
class Actor:
    """The doer of a verb, as the audit trail keeps him: a user, or the system under a job's name; with address and request id."""

    user: "User | None" = None
    system: str = ""
    address: str | None = None
    request_id: str = ""

    @classmethod
    def job(cls, name: str) -> "Actor":
        """Return the system acting as the job or command `name`."""
        return cls(system=name)
