"""Masks: what of a person may stand in a list (JR/T 0171-2020, annex A); how names are brought into one form first."""

import re
import unicodedata

LONGEST_NAME = 80

# Compound surnames still in use; whoever bears one is shown by both characters.
COMPOUND_SURNAMES = frozenset(
    "欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 长孙 長孫 宇文 司徒 司空 夏侯 令狐 端木 轩辕 軒轅"  # noqa: SIM905
    " 独孤 獨孤 南宫 南宮 西门 西門 东郭 東郭 呼延 赫连 赫連 澹台 澹臺 公冶 宗政 濮阳 濮陽 淳于 单于 單于 太叔 申屠 仲孙 仲孫 钟离 鍾離"
    " 鲜于 鮮于 闾丘 閭丘 拓跋 拓拔 百里 万俟 萬俟 闻人 聞人 第五 左丘 梁丘 谷梁 榖梁 范姜 张简 張簡".split()
)

# Controls, surrogates, and marks that hide or turn text; the joiners U+200C and U+200D stay, since some scripts are written with them.
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+"
)
HAN = re.compile("[\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
SEPARATORS = re.compile(r"[\s·•・‧]+")


def normal_name(text: str) -> str:
    """Return a name in one form: NFC, nothing hidden, single spaces."""
    return " ".join(unicodedata.normalize("NFC", HIDDEN.sub(" ", text)).split())


def surname(name: str) -> str:
    """Return the surname: of a Han name its one or two first characters, else its last word."""
    name = normal_name(name)
    if not name:
        return ""
    if HAN.match(name):
        return name[:2] if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else name[0]
    return SEPARATORS.split(name.strip("·•・‧ ") or name)[-1]


def mask_name(name: str) -> str:
    """Return 王* for a Han name (欧阳* for a compound surname), J*** S*** for others; the stars don't tell the length."""
    name = normal_name(name)
    if not name:
        return ""
    if HAN.match(name):
        return f"{surname(name)}*"
    return " ".join(f"{word[0]}***" for word in SEPARATORS.split(name)[:6] if word)


def normal_phone(text: str) -> str:
    """Return the digits of a phone number, with + before a country code other than +86, which is dropped; "" where there are none.

    Digits of any script count as the figures they are.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    digits = "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())
    if len(digits) == 13 and digits.startswith("861"):
        return digits[2:]
    if text.startswith("+") or digits.startswith("00"):
        digits = digits if text.startswith("+") else digits[2:]
        return digits[2:] if digits.startswith("86") else f"+{digits}" if digits else ""
    return digits


def mask_phone(phone: str) -> str:
    """Return 138****1234; of a short number only the last four figures, or none."""
    phone = normal_phone(phone)
    if len(phone) >= 11:
        return f"{phone[:3]}****{phone[-4:]}"
    return f"****{phone[-4:]}" if len(phone) >= 8 else "****" if phone else ""
