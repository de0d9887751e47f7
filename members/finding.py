"""Finding a member by what he is known by: exact, by keyed hashes; what was typed is never logged or stored."""

import re
import unicodedata

from django.db.models import Q

from foundation.masking import normal_name
from members.models import MemberQuerySet, Person
from members.sealing import hash_of

# 王1234, 王 1234, Smith 1234: a surname and the last four figures of the phone.
SURNAME_AND_LAST_FOUR = re.compile(r"(?P<surname>[^\d]{1,60}?)\s*(?P<last_four>\d{4})")
BY_HASH = {"name_hash": "name", "phone_hash": "phone", "national_id_hash": "national_id", "pinyin_hash": "pinyin"}


def find(text: str, *, visible: MemberQuerySet) -> MemberQuerySet:
    """Keep of `visible` the members known by `text`: none for an empty one.

    It may be a member number, phone, national id, full name, pinyin initials, or surname and last four figures of the phone.
    """
    # Full-width figures and letters are the ones they stand for; names have one form already.
    text = normal_name(text[:400])[:200]
    plain = unicodedata.normalize("NFKC", text)
    known = Q(pk__in=[])
    for column, kind in BY_HASH.items():
        # The figures of a member number are not a phone.
        if (kind != "phone" or not any(map(str.isalpha, text))) and (hashed := hash_of(kind, text)):
            known |= Q(**{column: hashed})
    if (parts := SURNAME_AND_LAST_FOUR.fullmatch(plain)) and (hashed := hash_of("surname", parts["surname"])):
        known |= Q(surname_hash=hashed, masked_phone__endswith=parts["last_four"])
    people = Person.objects.filter(known).values_list("member_id", flat=True)
    # A union, so that each side takes its own index.
    numbered = visible.model.objects.filter(number__in={plain, plain.upper()}).values_list("pk", flat=True)
    return visible.filter(pk__in=numbered.union(people))
