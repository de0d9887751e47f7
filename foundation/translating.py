"""Names that are data: one per language in a JSON object, shown in the reader's."""

from collections.abc import Mapping

from django.utils.translation import get_language


def translated(names: Mapping[str, str]) -> str:
    """Return the name in the active language, else the English one, else the first there is."""
    language = (get_language() or "en").lower()
    return names.get(language) or names.get("en") or next(iter(names.values()), "")
