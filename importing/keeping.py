"""Keeping rows sealed: under a key of the import's own, which is wrapped by PERSONAL_DATA_KEY and destroyed in the end.

Encrypted as people are (members.sealing), bound to the import and to what is sealed; packed by zlib before.
"""

import json
import zlib
from typing import Any

from django.utils.translation import gettext_lazy as _

from foundation.refusals import Refusal
from importing.models import Import
from members import sealing


class RowsGone(Refusal):
    code = "rows_gone"
    sentence = _("The rows of this file are no longer kept. Upload it anew.")


def new_key(import_id: Any) -> tuple[bytes, bytes]:
    """Return a new key and the same wrapped, for one import."""
    key = sealing.new_key()
    return key, sealing.wrap(key, bound_to=f"import:{import_id}")


def key_of(import_: Import) -> bytes:
    """Return the import's key; refuses rows_gone where it has been destroyed."""
    if import_.wrapped_key is None:
        raise RowsGone
    return sealing.unwrap(import_.wrapped_key, bound_to=f"import:{import_.pk}")


def seal(key: bytes, content: bytes, *, bound_to: str) -> bytes:
    """Return `content` packed and encrypted; it opens under no other name than `bound_to`."""
    return sealing.encrypt(key, zlib.compress(content, 1), bound_to)


def unseal(key: bytes, sealed: bytes | memoryview, *, bound_to: str) -> bytes:
    """Return what `seal` sealed."""
    return zlib.decompress(sealing.decrypt(key, bytes(sealed), bound_to))


def seal_rows(key: bytes, rows: list[Any], *, bound_to: str) -> bytes:
    """Seal rows, as JSON."""
    return seal(
        key,
        json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"),
        bound_to=bound_to,
    )


def unseal_rows(key: bytes, sealed: bytes | memoryview, *, bound_to: str) -> list[Any]:
    """Return the rows that `seal_rows` sealed."""
    return json.loads(unseal(key, sealed, bound_to=bound_to).decode("utf-8", "surrogatepass"))
