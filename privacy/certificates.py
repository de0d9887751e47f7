"""Certificates: what was destroyed, when, by what right, who decided; signed with the bank's key, naming nobody."""

import datetime
import hashlib
import json
import secrets
from typing import Any

from django.conf import settings

from foundation import signing
from foundation.periods import day_of
from foundation.transactions import in_transaction
from privacy.models import Certificate

# Letters and figures that nobody mistakes for another when they are read aloud.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@in_transaction
def certify(*, kind: str, subject: str, document: dict[str, Any], at: datetime.datetime) -> Certificate:
    """Write the certificate of a destruction; its number is the day's date and six signs of chance.

    The document gains its number, its instant, and the day on which the last backup with the data is gone.
    """
    number = f"{day_of(at):%Y%m%d}-{''.join(secrets.choice(ALPHABET) for _sign in range(6))}"
    gone = day_of(at) + datetime.timedelta(days=settings.BACKUP_DAYS)
    whole = {"number": number, "kind": kind, "subject": subject, "at": at.isoformat(), **document}
    whole["backups_expire_on"] = gone.isoformat()
    digest = digest_of(whole)
    key_id, signature = signing.sign(bytes.fromhex(digest))
    return Certificate.objects.create(
        number=number,
        kind=kind,
        subject=subject,
        made_at=at,
        document=whole,
        digest=digest,
        key_id=key_id,
        signature=signature,
    )


def digest_of(document: dict[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of a document's JSON with sorted keys, no blanks, in UTF-8."""
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def holds(certificate: Certificate) -> bool:
    """Tell whether the certificate is as the bank signed it."""
    digest = digest_of(certificate.document)
    return digest == certificate.digest and signing.signed(
        bytes.fromhex(digest), key=certificate.key_id, signature=certificate.signature
    )
