"""Reading an intake profile: a TOML document that maps a bank's files onto our reports, or every complaint about it at once.

docs/intake.md is its reference. An expression is a column, a constant, a condition, or a look-up into another file by a key
that is an expression itself; nothing richer, so that a profile can be checked whole before the first row is read.
"""

import tomllib
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from activity.profiles import (
    AS_A_RULE,
    TARGETS,
    Column,
    Constant,
    Expression,
    File,
    Formats,
    Load,
    LookUp,
    LookUpTable,
    Profile,
    Test,
    When,
    expressions_in,
)
from foundation.reading import Table
from foundation.refusals import Refusal


class InvalidProfile(Refusal):
    """The profile says something it can't or lacks something it must; `complaints` lists it all."""

    code = "invalid_profile"
    status = 422
    sentence = _("The profile was not taken: %(complaints)s")

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(complaints="; ".join(complaints))
        self.complaints = complaints


def read_profile(text: str) -> Profile:
    """Return the profile; refuses (invalid_profile) with every complaint."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InvalidProfile([str(error)]) from None
    table = Table(content, complaints=[])
    source = table.text("source", longest=40)
    formats = _formats(table.table("formats", default=None), AS_A_RULE)
    profile = Profile(
        name=table.text("name", longest=80),
        source=source,
        files={name: _file(one, name, formats) for name, one in _each(table, "files")},
        look_ups={name: _look_up_table(one) for name, one in _each(table, "look_ups")},
        codes={name: _code_list(one) for name, one in _each(table, "codes")},
        loads=tuple(
            sorted(
                (_load(one, source) for one in table.tables("load")),
                key=lambda load: [*TARGETS, None].index(load.target),
            )
        ),
    )
    table.finish()
    _check_references(profile, table)
    if table.complaints:
        raise InvalidProfile(table.complaints)
    return profile


def _each(table: Table, key: str) -> list[tuple[str, Table]]:
    keyed = table.keyed(key)
    return [(name, one) for name in keyed.content if (one := keyed.table(name)) is not None]


def _formats(table: Table | None, standing: Formats) -> Formats:
    """Read a table of formats over the ones that stand otherwise."""
    if table is None:
        return standing
    encoding = table.verbatim("encoding", longest=40, default=standing.encoding)
    if encoding:
        try:
            "".encode(encoding)
        except LookupError:
            table.complain("encoding", "is not known")
    delimiter = table.verbatim("delimiter", longest=1, default=standing.delimiter)
    if delimiter in {"", "\n", "\r"}:
        table.complain("delimiter", "is wrong: one character, not the end of a line")
    formats = Formats(
        encoding=encoding,
        delimiter=delimiter,
        quote=table.verbatim("quote", longest=1, default=standing.quote),
        date=table.verbatim("date", longest=40, default=standing.date),
        time=table.verbatim("time", longest=40, default=standing.time),
        decimal=table.verbatim("decimal", longest=1, default=standing.decimal),
        thousands=table.verbatim("thousands", longest=1, default=standing.thousands),
        amounts=table.choice("amounts", ("major", "minor"), default=standing.amounts),
    )
    table.finish()
    return formats


def _file(table: Table, name: str, standing: Formats) -> File:
    file = File(
        name=name,
        glob=table.text("glob", longest=80),
        columns=tuple(table.verbatims("columns", longest=80, default=[])),
        formats=_formats(table.table("formats", default=None), standing),
    )
    table.finish()
    return file


def _look_up_table(table: Table) -> LookUpTable:
    look_up = LookUpTable(
        file=table.text("file", longest=40), key=table.verbatim("key", longest=80), where=_tests(table, "where")
    )
    table.finish()
    return look_up


def _code_list(table: Table) -> dict[str, str]:
    return {code: table.verbatim(code, longest=80) for code in table.content}


def _load(table: Table, source: str) -> Load:
    target = table.choice("target", TARGETS)
    load = Load(
        target=target,
        file=table.text("file", longest=40),
        source=table.text("source", longest=40, default=source),
        where=_tests(table, "where"),
        fields=_expressions(table.table("fields")),
        attributes=_expressions(table.table("attributes", default=None)),
        order=table.verbatim("order", longest=80, default=""),
        order_as=table.choice("order_as", ("number", "text"), default="number"),
    )
    table.finish()
    if target:
        _check_fields(load, table)
    return load


def _check_fields(load: Load, table: Table) -> None:
    names, keys = TARGETS[load.target]
    known = {name.rstrip("*") for name in names}
    for name in sorted(load.fields.keys() - known):
        table.complain(f"fields.{name}", f"is not a field of {load.target}: {', '.join(sorted(known))}")
    for name in names:
        if name.endswith("*") and name[:-1] not in load.fields:
            table.complain(f"fields.{name[:-1]}", "is missing")
    if (
        "member_number*" not in names
        and "member_number" in known
        and not load.fields.keys() & {"member_number", "account_number"}
    ):
        table.complain("fields", "lacks member_number or account_number: one of them says whose it is")
    if load.attributes and load.target != "activities":
        table.complain("attributes", "only activities have attributes")
    if load.order and not keys:
        table.complain("order", f"{load.target} are never superseded by other rows")


def _expressions(table: Table | None) -> dict[str, Expression]:
    if table is None:
        return {}
    return {name: _expression(table, name) for name in table.content}


def _expression(table: Table, key: str) -> Expression:
    """Read an expression: a column's name, or a table that is a column, a constant, a look-up or a condition."""
    if not isinstance(table.content.get(key), dict):
        return Column(table.verbatim(key, longest=80) or "")
    if (inner := table.table(key)) is None:
        return Constant("")
    kinds = [kind for kind in ("column", "constant", "look_up", "when") if kind in inner.content]
    expression: Expression = Constant("")
    match kinds:
        case ["column"]:
            codes = inner.text("codes", longest=40, default="")
            expression = Column(
                inner.verbatim("column", longest=80), codes, inner.verbatim("unlisted", longest=80, default=None)
            )
        case ["constant"]:
            expression = Constant(inner.verbatim("constant", longest=200))
        case ["look_up"]:
            name, take = inner.text("look_up", longest=40), inner.verbatim("take", longest=80)
            expression = LookUp(
                name, _expression(inner, "key"), take, inner.verbatim("missing", longest=80, default=None)
            )
        case ["when"]:
            expression = When(
                tuple(_case(case) for case in inner.tables("when")),
                _expression(inner, "otherwise") if "otherwise" in inner.content else Constant(""),
            )
        case _:
            inner.complain("", "is an expression: a column's name, or one of column, constant, look_up, when")
            return expression
    inner.finish()
    return expression


def _case(table: Table) -> tuple[Test, Expression]:
    case = _test(table, complete=False), _expression(table, "then")
    table.finish()
    return case


def _tests(table: Table, key: str) -> tuple[Test, ...]:
    return tuple(_test(one, complete=True) for one in table.tables(key))


def _test(table: Table, *, complete: bool) -> Test:
    """Read a test of a cell: column, and one of is, in, not_in; `complete` where nothing may stand beside it."""
    column = table.verbatim("column", longest=80)
    kinds = [kind for kind in ("is", "in", "not_in") if kind in table.content]
    values: list[str] = []
    match kinds:
        case ["is"]:
            values = [table.verbatim("is", longest=80)]
        case ["in"] | ["not_in"]:
            values = table.verbatims(kinds[0], longest=80)
        case _:
            table.complain("", "is a test: one of is, in, not_in beside column")
            return Test("", frozenset())
    if complete:
        table.finish()
    return Test(column, frozenset(values), among=kinds != ["not_in"])


def _check_references(profile: Profile, table: Table) -> None:
    """Complain of files, look-ups and code lists that are named but not there."""
    for load in profile.loads:
        if load.file not in profile.files:
            table.complain("load", f"{load.target} names the file {load.file}, which files lacks")
        for outer in (*load.fields.values(), *load.attributes.values()):
            for expression in expressions_in(outer):
                if isinstance(expression, LookUp) and expression.name not in profile.look_ups:
                    table.complain("load", f"{load.target} names the look-up {expression.name}, which look_ups lacks")
                if isinstance(expression, Column) and expression.codes and expression.codes not in profile.codes:
                    table.complain("load", f"{load.target} names the code list {expression.codes}, which codes lacks")
    for name, look_up in profile.look_ups.items():
        if look_up.file not in profile.files:
            table.complain(f"look_ups.{name}.file", f"names the file {look_up.file}, which files lacks")
    if not profile.loads:
        table.complain("load", "is missing: at least one")
