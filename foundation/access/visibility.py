"""What a member of staff can see: his postings of a day, and the branch subtrees they open."""

import datetime

from foundation.access import roles
from foundation.access.models import StaffPosting, User

SEE_MEMBERS = "members.view_member"
SEE_POSTINGS = "access.view_staffposting"


def postings(user: User, *, on: datetime.date) -> list[StaffPosting]:
    """Return the user's postings that hold on `on`, with their branches; asked of the database once per user object and day."""
    if not user.is_active or user.is_anonymous:
        return []
    if not hasattr(user, "postings_by_day"):
        user.postings_by_day = {}
    if on not in user.postings_by_day:
        user.postings_by_day[on] = list(
            StaffPosting.objects.on(on).filter(user=user).select_related("branch").order_by("branch__path", "id")
        )
    return user.postings_by_day[on]


def paths(user: User, *, permission: str, on: datetime.date) -> list[str]:
    """Return the paths of the subtrees in which a posting of that day gives the user `permission`, none inside another."""
    giving = roles.roles_with(permission)
    outermost: list[str] = []
    for posting in postings(user, on=on):
        # Ordered by path, so that what contains a path stands before it.
        if posting.role in giving and not any(posting.branch.path.startswith(path) for path in outermost):
            outermost.append(posting.branch.path)
    return outermost


def sees_the_bank(user: User, *, permission: str, on: datetime.date) -> bool:
    """Tell whether a posting of that day gives the user `permission` over the whole bank."""
    giving = roles.roles_with(permission)
    return user.is_superuser or any(one.reaches_the_bank and one.role in giving for one in postings(user, on=on))


def roles_in(user: User, *, permission: str, path: str, on: datetime.date) -> set[str]:
    """Return the roles by which the user's postings of that day give him `permission` at the branch path."""
    giving = roles.roles_with(permission)
    held = postings(user, on=on)
    return {posting.role for posting in held if posting.role in giving and path.startswith(posting.branch.path)}
