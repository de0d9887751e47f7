"""Sealing personal data: one encrypted document a member under a key of his own, and keyed hashes to find him by.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the ciphertext; the member's key is wrapped by PERSONAL_DATA_KEY;
both are bound to the member's id. Hashes are HMAC-SHA256 by LOOKUP_KEY over the kind and the normal form.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import json
import secrets
import unicodedata
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from pypinyin import lazy_pinyin

from foundation.masking import HAN, SEPARATORS, mask_name, mask_phone, normal_name, normal_phone, surname
from members.models import Person

NONCE_BYTES = 12

# Surnames that are read otherwise than the character usually is, or than the library guesses.
SURNAME_READINGS = {
    "单": "shan", "單": "shan", "仇": "qiu", "曾": "zeng", "解": "xie", "查": "zha", "区": "ou", "區": "ou", "盖": "ge", "蓋": "ge",
    "乐": "yue", "樂": "yue", "种": "chong", "折": "she", "召": "shao", "员": "yun", "員": "yun", "缪": "miao", "繆": "miao", "朴": "piao",
    "祭": "zhai", "秘": "bi", "长孙": "zhang sun", "長孫": "zhang sun", "尉": "wei", "尉迟": "yu chi", "尉遲": "yu chi", "万俟": "mo qi",
    "萬俟": "mo qi", "澹台": "tan tai", "澹臺": "tan tai", "隗": "wei", "郗": "xi", "重": "chong", "翟": "zhai", "单于": "chan yu",
    "單于": "chan yu", "繁": "po", "藏": "zang", "都": "du", "宓": "mi", "洗": "xian", "佘": "she", "覃": "qin", "黑": "he",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PersonalData:
    """Who a member is; every part may be unknown (empty, or no date)."""

    full_name: str = ""
    pinyin: str = ""
    phone: str = ""
    national_id: str = ""
    email: str = ""
    birth_date: datetime.date | None = None
    gender: str = ""
    # What his file of facts is sealed under (members/knowing.py): destroyed with the rest, and nothing that he ever reads.
    file_key: str = ""


PARTS = tuple(field.name for field in dataclasses.fields(PersonalData))
# What of it is said to anybody: all but the key.
SAID = tuple(part for part in PARTS if part != "file_key")


def seal_person(member_id: int, data: PersonalData) -> Person:
    """Return the unsaved Person of `data`: sealed under a new key, with masks and hashes."""
    wrapped_key, sealed = seal(data, bound_to=f"member:{member_id}")
    name = normal_name(data.full_name)
    initials = pinyin_initials(name, data.pinyin)
    return Person(
        member_id=member_id,
        wrapped_key=wrapped_key,
        sealed=sealed,
        masked_name=mask_name(name),
        masked_phone=mask_phone(data.phone),
        name_hash=hash_of("name", name),
        surname_hash=hash_of("surname", surname(name)),
        phone_hash=hash_of("phone", data.phone),
        email_hash=hash_of("email", data.email),
        national_id_hash=hash_of("national_id", data.national_id),
        pinyin_hash=hash_of("pinyin", initials),
    )


def open_person(person: Person) -> PersonalData:
    """Return what was sealed; nothing where the person's key has been destroyed."""
    return unseal(person.wrapped_key, person.sealed, bound_to=f"member:{person.member_id}")


def seal(data: PersonalData, *, bound_to: str) -> tuple[bytes, bytes]:
    """Return a new key, wrapped, and `data` encrypted under it; neither opens under another name than `bound_to`."""
    key = new_key()
    document = {part: str(value) for part in PARTS if (value := getattr(data, part))}
    plain = json.dumps(document, ensure_ascii=False).encode()
    return wrap(key, bound_to=bound_to), encrypt(key, plain, bound_to)


def unseal(wrapped_key: bytes | memoryview | None, sealed: bytes | memoryview, *, bound_to: str) -> PersonalData:
    """Return what `seal` encrypted under the name `bound_to`; nothing where the key has been destroyed."""
    if wrapped_key is None:
        return PersonalData()
    key = unwrap(wrapped_key, bound_to=bound_to)
    document = json.loads(decrypt(key, bytes(sealed), bound_to))
    if "birth_date" in document:
        document["birth_date"] = datetime.date.fromisoformat(document["birth_date"])
    return PersonalData(**document)


def new_key() -> bytes:
    """Return a key that nothing was encrypted under yet."""
    return secrets.token_bytes(32)


def wrap(key: bytes, *, bound_to: str) -> bytes:
    """Return a key, encrypted under the master key in force."""
    return encrypt(settings.PERSONAL_DATA_KEY, key, bound_to)


def unwrap(wrapped_key: bytes | memoryview, *, bound_to: str) -> bytes:
    """Return a key that was wrapped under the master key in force, or an earlier one; raises InvalidTag for any other."""
    keys = [settings.PERSONAL_DATA_KEY, *settings.PERSONAL_DATA_EARLIER_KEYS]
    for key in keys[:-1]:
        with contextlib.suppress(InvalidTag):
            return decrypt(key, bytes(wrapped_key), bound_to)
    return decrypt(keys[-1], bytes(wrapped_key), bound_to)


def rewrapped(wrapped_key: bytes | memoryview, *, bound_to: str) -> bytes | None:
    """Return the key wrapped anew under the master key in force; None where it is so already."""
    with contextlib.suppress(InvalidTag):
        decrypt(settings.PERSONAL_DATA_KEY, bytes(wrapped_key), bound_to)
        return None
    return wrap(unwrap(wrapped_key, bound_to=bound_to), bound_to=bound_to)


def master_key_id() -> str:
    """Return what names the master key in force: the first 16 hexadecimal digits of a hash of it."""
    return hashlib.sha256(b"master key\0" + settings.PERSONAL_DATA_KEY).hexdigest()[:16]


def new_file_key() -> str:
    """Return a new key for a file of facts, as hex."""
    return secrets.token_hex(32)


def seal_document(file_key: str, document: Any, *, bound_to: str) -> bytes:
    """Return a JSON document encrypted under a file's key."""
    return encrypt(bytes.fromhex(file_key), json.dumps(document, ensure_ascii=False).encode(), bound_to)


def open_document(file_key: str, sealed: bytes | memoryview, *, bound_to: str) -> Any:
    """Return what `seal_document` encrypted; None where the key has been destroyed, or nothing was sealed."""
    if not file_key or not sealed:
        return None
    return json.loads(decrypt(bytes.fromhex(file_key), bytes(sealed), bound_to))


def hash_of(kind: str, text: str) -> bytes | None:
    """Return the 32-byte keyed hash by which `text` of that kind is found again; None where there is nothing to hash."""
    normal = NORMAL_FORMS[kind](text)
    return hmac.digest(settings.LOOKUP_KEY, f"{kind}\0{normal}".encode(), hashlib.sha256) if normal else None


def pinyin_of(name: str) -> str:
    """Return the pinyin of a name's Han characters, a syllable a word; "" for a name without any.

    A surname that is read otherwise than its character usually is has its own reading.
    """
    characters = "".join(HAN.findall(name))
    for length in (2, 1):
        if len(characters) > length and (known := SURNAME_READINGS.get(characters[:length])):
            return " ".join([known, *lazy_pinyin(characters[length:], errors="ignore")])
    return " ".join(lazy_pinyin(characters, errors="ignore"))


def pinyin_initials(name: str, pinyin: str = "") -> str:
    """Return the initials a clerk types: wxm for 王小明, js for John Smith.

    A given `pinyin` goes first where it has one word a character.
    """
    characters = HAN.findall(name)
    words = pinyin.split()
    if characters and len(words) != len(characters):
        words = pinyin_of(name).split()
    return "".join(word[0] for word in words or SEPARATORS.split(name) if word)


def _plain(text: str) -> str:
    # Compatible forms are one: a keyboard set to full width writes the same number.
    text = unicodedata.normalize("NFKC", normal_name(text))
    return "".join(character for character in text.casefold() if character.isalnum())


NORMAL_FORMS = {
    # With or without the space or the dot that some files put between the parts.
    "name": lambda text: SEPARATORS.sub("", normal_name(text)).casefold(),
    "surname": lambda text: normal_name(text).casefold(),
    "phone": normal_phone,
    "email": lambda text: text.strip().casefold(),
    "national_id": _plain,
    "reference": _plain,
    "pinyin": _plain,
}


def encrypt(key: bytes, plain: bytes, bound_to: str) -> bytes:
    """Return the nonce and what AES-256-GCM makes of `plain`; it opens under the name `bound_to` only."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def decrypt(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    """Return what `encrypt` was given; raises InvalidTag for another key or name, or where a bit was changed."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
