"""Arriving: a browser begins a session; a browser that the user never came with is told to him."""

import datetime
import ipaddress
import re

from foundation.access import noticing
from foundation.access.models import Device, SignIn, User
from foundation.transactions import in_transaction

# What a browser calls itself, the most telling sign first: Edge says Chrome too, and Chrome says Safari.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "MicroMessenger": "WeChat",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


@in_transaction
def arrive(
    *, user: User, token_hash: bytes, session_key: str, agent: str, address: str, at: datetime.datetime
) -> SignIn:
    """Keep a session that begins, with its device, new or known; tell the user of a new one, unless it is his first.

    `agent` is what the browser calls itself, `address` where it comes from; of both only what `browser_of` and `network_of` give is kept.
    """
    User.objects.select_for_update().get(pk=user.pk)
    device = Device.objects.filter(user_id=user.pk, token_hash=token_hash).first()
    if device is None:
        has_others = Device.objects.filter(user_id=user.pk).exists()
        device = Device.objects.create(user_id=user.pk, token_hash=token_hash, first_seen_at=at)
        if has_others:
            noticing.tell(user=user, what=noticing.NEW_DEVICE, at=at)
    return SignIn.objects.create(
        user_id=user.pk,
        device=device,
        session_key=session_key,
        browser=browser_of(agent),
        network=network_of(address),
        began_at=at,
        seen_at=at,
    )


@in_transaction
def see(*, sign_in_id: int, at: datetime.datetime) -> None:
    """Note that a session was used."""
    SignIn.objects.filter(pk=sign_in_id, seen_at__lt=at).update(seen_at=at)


def browser_of(agent: str) -> str:
    """Return the browser and the system in two words, such as `Chrome, Android`; of one that nobody knows its first word."""
    found = [next((name for sign, name in signs.items() if sign in agent), "") for signs in (BROWSERS, SYSTEMS)]
    first = re.match(r"[A-Za-z0-9.-]{1,30}", agent)
    return ", ".join(word for word in found if word) or (first[0] if first else "–")


def network_of(address: str) -> str:
    """Return the network that an address lies in, coarse: 203.0.113.x, or the first 48 bits of IPv6."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if read.version == 4:
        return f"{address.rpartition('.')[0]}.x"
    return str(ipaddress.ip_network(f"{address}/48", strict=False))
