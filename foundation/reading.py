"""Reading a TOML document strictly: every complaint with its path, and all of them at once."""

import datetime
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

REQUIRED = object()
LANGUAGES = ("en", "zh-hans", "zh-hant")


class Table:
    """One table of a document, read key by key; `finish` complains of every key that nobody asked for.

    The document must be loaded with parse_float=Decimal. What is missing or wrong reads as None and adds
    `path: sentence` to `complaints`, which all tables of a document share.
    """

    def __init__(self, content: dict[str, Any], *, path: str = "", complaints: list[str]) -> None:
        self.content, self.path, self.complaints = content, path, complaints
        self._asked: set[str] = set()

    def complain(self, key: str, sentence: str) -> None:
        """Add a complaint about `key` (empty: about the table itself)."""
        self.complaints.append(f"{'.'.join(part for part in (self.path, key) if part)}: {sentence}")

    def _read(self, key: str, default: Any, what: str, parse: Callable[[Any], Any]) -> Any:
        self._asked.add(key)
        if key not in self.content:
            if default is REQUIRED:
                self.complain(key, f"is missing: {what}")
                return None
            return default
        try:
            return parse(self.content[key])
        except ValueError:
            self.complain(key, f"is wrong: {what}")
            return None

    def text(self, key: str, *, longest: int, default: Any = REQUIRED) -> str:
        """Read a text of 1 to `longest` characters."""
        return self._read(key, default, f"a text of 1 to {longest} characters", lambda raw: _text(raw, longest))

    def verbatim(self, key: str, *, longest: int, default: Any = REQUIRED) -> str:
        """Read a text of at most `longest` characters as it stands, blanks and emptiness included."""
        return self._read(key, default, f"a text of at most {longest} characters", lambda raw: _verbatim(raw, longest))

    def verbatims(self, key: str, *, longest: int, default: Any = REQUIRED) -> list[str]:
        """Read a list of texts as they stand."""
        what = f"a list of texts of at most {longest} characters"
        return self._read(key, default, what, lambda raw: [_verbatim(one, longest) for one in _list(raw)]) or []

    def choice(self, key: str, allowed: Collection[str], *, default: Any = REQUIRED) -> str:
        """Read one word out of `allowed`."""
        return self._read(key, default, f"one of {', '.join(sorted(allowed))}", lambda raw: _allowed(raw, allowed))

    def words(self, key: str, *, longest: int = 40) -> list[str]:
        """Read a list of different words, in the order of the alphabet; absent is empty."""
        what = f"a list of different texts of 1 to {longest} characters"
        return self._read(key, [], what, lambda raw: _words(raw, longest)) or []

    def names(self, key: str = "names", *, longest: int = 80) -> dict[str, str]:
        """Read a name, or another text of at most `longest` characters, in each language."""
        what = f"a table with a text for each of {', '.join(LANGUAGES)}"
        return self._read(key, REQUIRED, what, lambda raw: _names(raw, longest))

    def whole(self, key: str, *, least: int = 0, most: int = 10**14, default: Any = REQUIRED) -> int:
        """Read a whole number from `least` to `most`."""
        what = f"a whole number from {least} to {most}"
        return self._read(key, default, what, lambda raw: _between(_whole(raw), least, most))

    def exact(self, key: str, *, places: int, most: int, default: Any = REQUIRED) -> Decimal:
        """Read an exact number from 0 to `most` with at most `places` decimals."""
        what = f"a number from 0 to {most} with at most {places} decimals"
        return self._read(key, default, what, lambda raw: _between(_decimal(raw, places), 0, most))

    def money_minor(self, key: str, *, default: Any = REQUIRED) -> int:
        """Read an amount in units of money and return it in minor units."""
        what = "an amount in units of money with at most 2 decimals"
        return self._read(key, default, what, lambda raw: _between(int(_decimal(raw, 2) * 100), 0, 10**14))

    def day(self, key: str, *, default: Any = REQUIRED) -> datetime.date:
        """Read a date."""
        return self._read(key, default, "a date such as 2026-01-31", _day)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Read true or false."""
        return self._read(key, default, "true or false", _flag)

    def table(self, key: str, *, default: Any = REQUIRED) -> "Table | None":
        """Read a table within this one."""
        content = self._read(key, default, "a table", _table)
        return None if content is None else self._within(content, key)

    def tables(self, key: str) -> list["Table"]:
        """Read a list of tables; absent is empty."""
        contents = self._read(key, [], "a list of tables", _tables) or []
        return [self._within(content, f"{key}[{index}]") for index, content in enumerate(contents)]

    def keyed(self, key: str) -> "Table":
        """Read a table whose keys are data; absent is empty. Its reader asks for every key it holds."""
        return self._within(self._read(key, {}, "a table", _table) or {}, key)

    def finish(self) -> None:
        """Complain of the keys that nobody asked for."""
        for key in self.content.keys() - self._asked:
            self.complain(key, "is not known here")

    def _within(self, content: dict[str, Any], key: str) -> "Table":
        return Table(content, path=f"{self.path}.{key}" if self.path else key, complaints=self.complaints)


def _text(raw: Any, longest: int) -> str:
    if not isinstance(raw, str) or not 1 <= len(raw.strip()) <= longest:
        raise ValueError
    return raw.strip()


def _verbatim(raw: Any, longest: int) -> str:
    if not isinstance(raw, str) or len(raw) > longest:
        raise ValueError
    return raw


def _list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError
    return raw


def _allowed(raw: Any, allowed: Collection[str]) -> str:
    if not isinstance(raw, str) or raw not in allowed:
        raise ValueError
    return raw


def _words(raw: Any, longest: int) -> list[str]:
    words = sorted(_text(word, longest) for word in _list(raw))
    if len(set(words)) < len(words):
        raise ValueError
    return words


def _names(raw: Any, longest: int) -> dict[str, str]:
    if not isinstance(raw, dict) or raw.keys() != set(LANGUAGES):
        raise ValueError
    return {language: _text(raw[language], longest) for language in LANGUAGES}


def _whole(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError
    return raw


def _decimal(raw: Any, places: int) -> Decimal:
    """Return a number as it was written; JSON has fractions as texts, since it has no exact ones."""
    exact = Decimal(raw) if isinstance(raw, Decimal) or _is_fraction(raw) else Decimal(_whole(raw))
    try:
        if exact.is_finite() and exact == round(exact, places):
            return exact
    except ArithmeticError:  # More digits than any amount has.
        pass
    raise ValueError


def _is_fraction(raw: Any) -> bool:
    return isinstance(raw, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", raw) is not None


def _between(number: Any, least: int, most: int) -> Any:
    if not least <= number <= most:
        raise ValueError
    return number


def _day(raw: Any) -> datetime.date:
    if not isinstance(raw, datetime.date) or isinstance(raw, datetime.datetime):
        raise ValueError
    return raw


def _flag(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError
    return raw


def _table(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError
    return raw


def _tables(raw: Any) -> list[dict[str, Any]]:
    return [_table(one) for one in _list(raw)]
