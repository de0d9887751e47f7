"""The digest of a payload: SHA-256 over its JSON with sorted keys, no spaces, UTF-8."""

import hashlib
import json

from foundation.approvals.kinds import Payload


def digest_of(payload: Payload) -> str:
    """Return the digest in hexadecimal. A payload holds texts, whole numbers, true, false and null, which read back as written."""
    written = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_refuse)
    return hashlib.sha256(written.encode()).hexdigest()


def _refuse(value: object) -> str:
    raise TypeError(f"a payload can't hold {type(value).__name__}")
