"""The details that somebody gives to join: brought into one form, and what is wrong with each, at its field."""

import dataclasses
import datetime
import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.masking import LONGEST_NAME, normal_name, normal_phone
from foundation.reading import LANGUAGES
from foundation.refusals import Refusal
from members.sealing import PersonalData

EARLIEST_BIRTH = datetime.date(1900, 1, 1)
LONGEST_CONTACT = 100
# Figures of any script, and what people put between them.
PHONE_SIGNS = re.compile(r"[\d\s+()./‐‑–-]*")
MAINLAND_PHONE = re.compile(r"1\d{10}")
OTHER_PHONE = re.compile(r"\+[1-9]\d{6,14}")
MAINLAND_ID = re.compile(r"\d{17}[\dX]")
# Permits of Hong Kong, Macau and Taiwan, and passports.
OTHER_ID = re.compile(r"[A-Z0-9]{5,20}")
# GB 11643 (ISO 7064, MOD 11-2): the weight of each figure, and the last sign by the remainder.
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_SIGNS = "10X98765432"

SENTENCES: dict[str, str | Promise] = {
    "name_needed": _("Write your full name."),
    "name_too_long": _("A name has 80 characters at most."),
    "name_without_letters": _("A name is written in letters or characters."),
    "phone_malformed": _("This is no mobile number: write its 11 figures, or + and the country code before it."),
    "email_malformed": _("This is no e-mail address."),
    "contact_needed": _("Write a mobile number or an e-mail address, so that we can send you a code."),
    "national_id_malformed": _("This is no document number: please compare it with your document."),
    "birth_date_out_of_range": _("The date of birth lies before 1900 or after today."),
    "birth_date_differs": _("The date of birth is not the one in the document number."),
}


class DetailsRefused(Refusal):
    code = "invalid_details"
    status = 422
    sentence = "%(why)s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Details:
    """What somebody says of himself, in one form: NFC, nothing hidden, phones as figures, documents in capitals."""

    full_name: str
    phone: str = ""
    email: str = ""
    national_id: str = ""
    birth_date: datetime.date | None = None
    language: str = "en"

    @classmethod
    def of(
        cls,
        *,
        full_name: str,
        phone: str = "",
        email: str = "",
        national_id: str = "",
        birth_date: datetime.date | None = None,
        language: str = "en",
    ) -> "Details":
        """Return what was typed in one form; what is no phone number stays as it is, for `faults` to find."""
        return cls(
            full_name=normal_name(full_name),
            phone=normal_phone(phone) if PHONE_SIGNS.fullmatch(_figures(phone)) else phone[: LONGEST_CONTACT + 1],
            email=_figures(email).strip()[: LONGEST_CONTACT + 1],
            national_id=re.sub(r"[\s-]", "", _figures(national_id)[: 2 * LONGEST_CONTACT]).upper(),
            birth_date=birth_date,
            language=language if language in LANGUAGES else "en",
        )

    def faults(self, *, today: datetime.date) -> dict[str, str]:
        """Return the code of what is wrong, by field; nothing for details that can be taken."""
        found = {
            "full_name": self._name_fault(),
            "phone": "phone_malformed" if self.phone and not _is_phone(self.phone) else "",
            "email": "email_malformed" if self.email and not _is_email(self.email) else "",
            "national_id": "national_id_malformed" if self.national_id and not _is_document(self.national_id) else "",
            "birth_date": self._birth_fault(today),
        }
        if not self.phone and not self.email:
            found["phone"] = "contact_needed"
        return {field: code for field, code in found.items() if code}

    def personal(self) -> PersonalData:
        """Return the details as a person's data."""
        parts = ("full_name", "phone", "email", "national_id", "birth_date")
        return PersonalData(**{part: getattr(self, part) for part in parts})

    def _name_fault(self) -> str:
        if not self.full_name:
            return "name_needed"
        if len(self.full_name) > LONGEST_NAME:
            return "name_too_long"
        return "" if any(map(str.isalpha, self.full_name)) else "name_without_letters"

    def _birth_fault(self, today: datetime.date) -> str:
        if self.birth_date is None:
            return ""
        if not EARLIEST_BIRTH <= self.birth_date <= today:
            return "birth_date_out_of_range"
        told = self.national_id[6:14] if MAINLAND_ID.fullmatch(self.national_id) else ""
        return "birth_date_differs" if told and told != f"{self.birth_date:%Y%m%d}" else ""


def refuse(details: Details, *, today: datetime.date) -> None:
    """Refuse (invalid_details) the first fault, at its field."""
    for field, code in details.faults(today=today).items():
        raise DetailsRefused(field=field, why=SENTENCES[code])


def _figures(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _is_phone(phone: str) -> bool:
    return bool(MAINLAND_PHONE.fullmatch(phone) or OTHER_PHONE.fullmatch(phone))


def _is_email(email: str) -> bool:
    try:
        validate_email(email)
    except ValidationError:
        return False
    return len(email) <= LONGEST_CONTACT


def _is_document(number: str) -> bool:
    if not number.isascii():
        return False
    if not MAINLAND_ID.fullmatch(number):
        # Eighteen figures that end otherwise are a mainland number with a slip in it.
        return bool(OTHER_ID.fullmatch(number)) and len(number) != 18
    try:
        datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(figure) * weight for figure, weight in zip(number[:17], ID_WEIGHTS, strict=True))
    return number[17] == ID_SIGNS[total % 11]
