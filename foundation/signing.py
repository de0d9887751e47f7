"""Signing with the bank's key (docs/seal.md, "Keys"): Ed25519 over a SHA-256 digest, the key named by its id."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def key_id(public_key: Ed25519PublicKey) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def public_keys() -> dict[str, Ed25519PublicKey]:
    """Return the bank's public keys by their ids: the present one and the earlier ones it still believes."""
    keys = [Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY).public_key()]
    keys += map(Ed25519PublicKey.from_public_bytes, settings.SEAL_EARLIER_KEYS)
    return {key_id(key): key for key in keys}


def sign(digest: bytes) -> tuple[str, str]:
    """Return the present key's id and its signature of a digest, in hexadecimal."""
    key = Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY)
    return key_id(key.public_key()), key.sign(digest).hex()


def signed(digest: bytes, *, key: str, signature: str) -> bool:
    """Tell whether a key of the bank signed the digest."""
    known = public_keys().get(key)
    if known is None:
        return False
    try:
        known.verify(bytes.fromhex(signature), digest)
    except (InvalidSignature, ValueError):
        return False
    return True
