"""An intake profile: which of a bank's files there are, how they are written, and what their rows mean."""

import dataclasses
from collections.abc import Iterator

# The targets in the order they are loaded; of each its fields, an asterisk on those that every row must fill, then what names a subject:
# of several rows with that key one counts.
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "members": (
        ("number*", "branch_code*", "joined_on*", "full_name", "pinyin", "phone", "national_id", "email", "birth_date", "gender"),
        ("number",),
    ),
    "accounts": (("number*", "member_number*", "account_class*", "opened_on*", "closed_on"), ("number",)),
    "activities": (
        (
            "external_id*", "kind*", "occurred_at*", "member_number", "account_number", "direction", "purpose", "amount", "currency",
            "channel", "merchant_category", "product", "branch",
        ),
        (),
    ),
    "reversals": (
        (
            "external_id*", "original_external_id*", "occurred_at*", "original_source", "member_number", "account_number", "amount",
            "currency",
        ),
        (),
    ),
    "snapshots": (("account_number*", "day*", "amount*"), ("account_number", "day")),
    "holdings": (("external_id*", "product*", "opened_on*", "closed_on", "member_number", "account_number"), ("external_id",)),
    "grades": (("member_number*", "day*", "grade*", "scale"), ("member_number", "day", "scale")),
    "facts": (("member_number*", "fact*", "value", "told_on"), ("member_number", "fact")),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Column:
    """A cell of the row; its text looked up in a code list where `codes` names one, `unlisted` standing for what the list lacks."""

    name: str
    codes: str = ""
    unlisted: str | None = None


@dataclasses.dataclass(frozen=True)
class Constant:
    """The same text for every row."""

    text: str


@dataclasses.dataclass(frozen=True)
class LookUp:
    """The column `take` of the row that a look-up finds by `key`; `missing` where it finds none, else the row is refused."""

    name: str
    key: "Expression"
    take: str
    missing: str | None = None


@dataclasses.dataclass(frozen=True)
class Test:
    """Whether a cell is one of `values`, or is none of them."""

    column: str
    values: frozenset[str]
    among: bool = True


@dataclasses.dataclass(frozen=True)
class When:
    """The expression of the first test that holds, else `otherwise`."""

    cases: tuple[tuple[Test, "Expression"], ...]
    otherwise: "Expression"


Expression = Column | Constant | LookUp | When


@dataclasses.dataclass(frozen=True)
class Formats:
    """How a file is written; an empty `encoding` is found out, an empty date or time format is ISO 8601."""

    encoding: str
    delimiter: str
    quote: str
    date: str
    time: str
    decimal: str
    thousands: str
    amounts: str


AS_A_RULE = Formats(encoding="", delimiter=",", quote='"', date="", time="", decimal=".", thousands="", amounts="major")


@dataclasses.dataclass(frozen=True)
class File:
    """A kind of file of the delivery, known by its name; `columns` names them where it has no header line."""

    name: str
    glob: str
    columns: tuple[str, ...]
    formats: Formats


@dataclasses.dataclass(frozen=True)
class LookUpTable:
    """Rows of a file found by the cell in `key`; only those that pass `where`."""

    file: str
    key: str
    where: tuple[Test, ...]


@dataclasses.dataclass(frozen=True)
class Load:
    """What one kind of file gives: rows that pass `where` become reports of `target`."""

    target: str
    file: str
    source: str
    where: tuple[Test, ...]
    fields: dict[str, Expression]
    attributes: dict[str, Expression]
    order: str
    order_as: str


@dataclasses.dataclass(frozen=True)
class Profile:
    """A bank's files and how they are read."""

    name: str
    source: str
    files: dict[str, File]
    look_ups: dict[str, LookUpTable]
    codes: dict[str, dict[str, str]]
    loads: tuple[Load, ...]


def expressions_in(expression: Expression) -> Iterator[Expression]:
    """Give an expression and every one inside it."""
    yield expression
    match expression:
        case LookUp():
            yield from expressions_in(expression.key)
        case When():
            for _test, then in expression.cases:
                yield from expressions_in(then)
            yield from expressions_in(expression.otherwise)


def columns_of(load: Load) -> set[str]:
    """Return the columns of its file that a load reads."""
    columns = {test.column for test in load.where} | ({load.order} if load.order else set())
    for outer in (*load.fields.values(), *load.attributes.values()):
        for expression in expressions_in(outer):
            if isinstance(expression, Column):
                columns.add(expression.name)
            elif isinstance(expression, When):
                columns.update(test.column for test, then in expression.cases)
    return columns


def taken_columns(profile: Profile, look_up: str) -> tuple[str, ...]:
    """Return the columns that any load takes from a look-up, in the order of the alphabet."""
    outers = [outer for load in profile.loads for outer in (*load.fields.values(), *load.attributes.values())]
    inner = [expression for outer in outers for expression in expressions_in(outer)]
    return tuple(sorted({one.take for one in inner if isinstance(one, LookUp) and one.name == look_up}))
