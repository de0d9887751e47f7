"""Ids on the wire: a prefix that says what it names, and the key behind it."""

import uuid

from django.urls import register_converter

GREATEST = 2**63 - 1


class _Prefixed:
    """Reads `mem_123` as 123 and nothing else; a number beyond the database's reach is no id."""

    prefix: str

    def to_python(self, value: str) -> int:
        number = int(value.removeprefix(self.prefix))
        if number > GREATEST:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return f"{self.prefix}{value}"


class MemberId(_Prefixed):
    prefix, regex = "mem_", r"mem_[0-9]{1,19}"


class RehearsalId(_Prefixed):
    prefix, regex = "reh_", r"reh_[0-9]{1,19}"


class DraftId(_Prefixed):
    prefix, regex = "drf_", r"drf_[0-9]{1,19}"


class _PrefixedUuid:
    """Reads a prefix and 32 hexadecimal digits as a UUID."""

    prefix: str

    def to_python(self, value: str) -> uuid.UUID:
        return uuid.UUID(value.removeprefix(self.prefix))

    def to_url(self, value: uuid.UUID) -> str:
        return f"{self.prefix}{value.hex}"


class RedemptionId(_PrefixedUuid):
    """The id of a redemption."""

    prefix, regex = "rdm_", r"rdm_[0-9a-f]{32}"


class EnrolmentId(_PrefixedUuid):
    """The id of an enrolment."""

    prefix, regex = "enr_", r"enr_[0-9a-f]{32}"


class CodeId(_PrefixedUuid):
    """The id of a one-time code."""

    prefix, regex = "cod_", r"cod_[0-9a-f]{32}"


class ExportId(_PrefixedUuid):
    """The id of a copy of a member's data."""

    prefix, regex = "exp_", r"exp_[0-9a-f]{32}"


class AppId(_Prefixed):
    """The id of an app that acts for members."""

    prefix, regex = "app_", r"app_[0-9]{1,19}"


register_converter(AppId, "app")
register_converter(MemberId, "mem")
register_converter(RedemptionId, "rdm")
register_converter(RehearsalId, "reh")
register_converter(DraftId, "drf")
register_converter(EnrolmentId, "enr")
register_converter(CodeId, "cod")
register_converter(ExportId, "exp")
