"""The catalogue of facts: what the bank may know of a member, in what form, for what purpose, and how long it stays fresh.

One table for every page, file and score. A fact outside it does not exist; a change of it is a reviewed change.
"""

import dataclasses
import datetime
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Role
from foundation.masking import HIDDEN, mask_name, mask_phone, normal_name
from members.consent_texts import REQUIRED, Purpose
from members.details import Details

TEXT, CHOICE, CHOICES, DATE, NUMBER = "text", "choice", "choices", "date", "number"
LONGEST_TEXT = 100
# Stands for a value that this reader is not shown.
HIDDEN_VALUE = "•••"
# What lies in Person, with a hash of its own where it is searched by; the rest lies in the file's sealed document.
IDENTITY = ("full_name", "national_id", "birth_date", "gender", "phone", "email")
CONTACTS = ("phone", "email")
ADVISERS = frozenset({Role.RELATIONSHIP_MANAGER})

Choices = Mapping[str, str | Promise]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """A thing that may be known: its form, the consent it is held under, who may correct it, months until stale, weight in the score.

    `of_member`: the member corrects it himself. `in_clear_to`: roles that see a sensitive one without revealing. Weight 0: not missed.
    """

    code: str
    label: str | Promise
    form: str
    choices: Choices = dataclasses.field(default_factory=dict)
    purpose: str = Purpose.PRIVACY
    is_sensitive: bool = False
    of_member: bool = True
    fresh_months: int | None = None
    weight: int = 0
    in_clear_to: frozenset[str] = frozenset()

    @property
    def rests_on_membership(self) -> bool:
        """Tell whether it is held under what every member has agreed to, so that no consent of its own is asked."""
        return self.purpose in REQUIRED

    @property
    def needs_document(self) -> bool:
        """Tell whether staff change it with a document before them, and the member not at all."""
        return self.code in IDENTITY

    @property
    def purpose_title(self) -> str:
        return str(Purpose(self.purpose).label)

    def read(self, value: str) -> str:
        """Return a value in one form; raises ValueError, with a code as its text, for one that this fact can't have."""
        value = normal_name(HIDDEN.sub(" ", value[: 5 * LONGEST_TEXT]))
        if self.form == CHOICE:
            return _chosen(value, self.choices)
        if self.form == CHOICES:
            words = dict.fromkeys(_chosen(word.strip(), self.choices) for word in value.split(",") if word.strip())
            return ",".join(word for word in self.choices if word in words)
        if self.code in IDENTITY:
            return _identity(self.code, value)
        if self.form == NUMBER:
            value = unicodedata.normalize("NFKC", value).upper()
        if len(value) > LONGEST_TEXT:
            raise ValueError("too_long")
        return value

    def worded(self, value: str) -> str:
        """Return a value as people read it in their language."""
        if self.form in (CHOICE, CHOICES):
            return ", ".join(str(self.choices.get(word, word)) for word in value.split(",") if word)
        return value

    def masked(self, value: str) -> str:
        """Return what of a value may stand in a list, or before a reader who may not see it."""
        return self.traced(value) if self.is_sensitive else self.worded(value)

    def traced(self, value: str) -> str:
        """Return what of a value the trail keeps, which outlives an erasure: its mask, or that there was one."""
        masks = {"full_name": mask_name, "phone": mask_phone, "email": mask_email, "national_id": mask_document}
        return masks.get(self.code, lambda _value: HIDDEN_VALUE)(value) if value else ""


def mask_email(email: str) -> str:
    """Return w***@x.cn."""
    name, _at, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}" if name else HIDDEN_VALUE


def mask_document(number: str) -> str:
    """Return the first three and the last four signs of a document number, never the date of birth in it."""
    return f"{number[:3]}***{number[-4:]}" if len(number) >= 10 else HIDDEN_VALUE


def age_on(birth_date: datetime.date, day: datetime.date) -> int:
    """Return the whole years since a birth on a day; who is born on 29 February ends a year on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def _chosen(value: str, choices: Choices) -> str:
    if value and value not in choices:
        raise ValueError("not_a_choice")
    return value


def _identity(code: str, value: str) -> str:
    """Return a part of the identity in one form, checked as a newcomer's is (members/details.py)."""
    if not value:
        return ""
    if code == "birth_date":
        try:
            return f"{datetime.date.fromisoformat(value):%Y-%m-%d}"
        except ValueError:
            raise ValueError("not_a_date") from None
    given: dict[str, Any] = {"full_name": "x", code: value}
    details = Details.of(**given)
    # Dates don't matter here: `today` bounds a birth only.
    fault = details.faults(today=datetime.date.max).get(code, "contact_needed")
    if fault != "contact_needed":
        raise ValueError(fault)
    return str(getattr(details, code))


GENDERS: Choices = {"female": _("female"), "male": _("male"), "other": _("other")}
EDUCATION: Choices = {
    "primary": _("primary school or less"),
    "secondary": _("secondary school"),
    "vocational": _("vocational college"),
    "bachelor": _("bachelor's degree"),
    "master": _("master's degree"),
    "doctorate": _("doctorate"),
}
FAMILY: Choices = {
    "single": _("single"),
    "married": _("married"),
    "partnered": _("living together"),
    "divorced": _("divorced"),
    "widowed": _("widowed"),
}
CHILDREN: Choices = {"0": _("none"), "1": _("one"), "2": _("two"), "3": _("three or more")}
# By year, before tax.
INCOME: Choices = {
    "a": _("under ¥50,000"),
    "b": _("¥50,000 to ¥100,000"),
    "c": _("¥100,000 to ¥300,000"),
    "d": _("¥300,000 to ¥1,000,000"),
    "e": _("over ¥1,000,000"),
}
# The five grades that the suitability rules for wealth products know.
RISK: Choices = {
    "c1": _("C1 cautious"),
    "c2": _("C2 steady"),
    "c3": _("C3 balanced"),
    "c4": _("C4 enterprising"),
    "c5": _("C5 aggressive"),
}
HORIZON: Choices = {
    "short": _("under 1 year"),
    "medium": _("1 to 3 years"),
    "long": _("3 to 5 years"),
    "longer": _("over 5 years"),
}
INTERESTS: Choices = {
    "travel": _("travel"),
    "dining": _("dining"),
    "sports": _("sports"),
    "music": _("music"),
    "film": _("film"),
    "reading": _("reading"),
    "family": _("family"),
    "technology": _("technology"),
    "health": _("health"),
    "investing": _("investing"),
    "charity": _("charity"),
}
LIFE_STYLE: Choices = {
    "family": _("life around the family"),
    "career": _("life around work"),
    "leisure": _("time for oneself"),
    "outdoors": _("outdoors and active"),
    "thrifty": _("careful with money"),
}
PREFERRED: Choices = {
    "app": _("mobile app"),
    "sms": _("text message"),
    "mail": _("e-mail"),
    "phone": _("telephone"),
    "branch": _("branch"),
}

# Weights are the bank's to set; these give identity and contacts half of the whole (docs/member-file.md).
CATALOGUE: tuple[Fact, ...] = (
    Fact(code="full_name", label=_("name"), form=TEXT, is_sensitive=True, of_member=False, weight=10),
    Fact(code="national_id", label=_("national id"), form=NUMBER, is_sensitive=True, of_member=False, weight=10),
    Fact(code="birth_date", label=_("date of birth"), form=DATE, is_sensitive=True, of_member=False, weight=6),
    Fact(code="gender", label=_("gender"), form=CHOICE, choices=GENDERS, of_member=False, weight=2),
    Fact(code="phone", label=_("phone"), form=NUMBER, is_sensitive=True, of_member=False, fresh_months=36, weight=12),
    Fact(code="email", label=_("e-mail"), form=TEXT, is_sensitive=True, of_member=False, fresh_months=36, weight=6),
    Fact(code="address", label=_("home address"), form=TEXT, is_sensitive=True, fresh_months=36, weight=6),
    Fact(code="education", label=_("education"), form=CHOICE, choices=EDUCATION, purpose=Purpose.PROFILING, fresh_months=60, weight=4),
    Fact(
        code="family_status", label=_("family status"), form=CHOICE, choices=FAMILY, purpose=Purpose.PROFILING, is_sensitive=True,
        fresh_months=36, weight=3, in_clear_to=ADVISERS,
    ),
    Fact(
        code="children", label=_("children"), form=CHOICE, choices=CHILDREN, purpose=Purpose.PROFILING, is_sensitive=True,
        fresh_months=36, weight=3, in_clear_to=ADVISERS,
    ),
    Fact(code="employer", label=_("employer"), form=TEXT, is_sensitive=True, fresh_months=24, weight=6, in_clear_to=ADVISERS),
    Fact(code="post", label=_("post held"), form=TEXT, is_sensitive=True, fresh_months=24, weight=4, in_clear_to=ADVISERS),
    Fact(
        code="income_band", label=_("income of a year"), form=CHOICE, choices=INCOME, purpose=Purpose.PROFILING, is_sensitive=True,
        fresh_months=24, weight=6, in_clear_to=ADVISERS,
    ),
    Fact(
        code="risk_appetite", label=_("risk appetite"), form=CHOICE, choices=RISK, is_sensitive=True, fresh_months=12, weight=6,
        in_clear_to=ADVISERS,
    ),
    Fact(
        code="horizon", label=_("investment horizon"), form=CHOICE, choices=HORIZON, purpose=Purpose.PROFILING, fresh_months=24,
        weight=4,
    ),
    Fact(
        code="interests", label=_("interests"), form=CHOICES, choices=INTERESTS, purpose=Purpose.PROFILING, fresh_months=36, weight=4,
    ),
    Fact(
        code="life_style", label=_("life style"), form=CHOICE, choices=LIFE_STYLE, purpose=Purpose.PROFILING, fresh_months=36,
        weight=3,
    ),
    Fact(code="preferred_channel", label=_("preferred channel"), form=CHOICE, choices=PREFERRED, fresh_months=36, weight=5),
    Fact(code="referrer", label=_("referred by member number"), form=NUMBER, of_member=False),
)  # fmt: skip
FACTS: dict[str, Fact] = {fact.code: fact for fact in CATALOGUE}
COUNTED = tuple(fact for fact in CATALOGUE if fact.weight)
