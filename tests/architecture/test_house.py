"""The house's rules as tests (house-style.md): what is written down here can't be forgotten in a review."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

# Lowest last; a model may point at its own layer or one below it.
LAYERS = [
    "membership_site",
    "portal",
    "privacy",
    "books",
    "campaigns",
    "tiers",
    "importing",
    "points",
    "activity",
    "members",
    "foundation",
]
ROOT = settings.BASE_DIR
SOURCES = sorted(
    path
    for layer in LAYERS
    for path in (ROOT / layer).rglob("*.py")
    if "migrations" not in path.parts and path.name != "__init__.py"
)
# Where the edge is: it reads the clock once and passes it on. Whatever opens transactions is an edge, too.
EDGES = {"api.py", "views.py", "tasks.py", "admin.py", "console.py", "clock.py", "signing_in.py"}
EDGE_FOLDERS = {"commands", "local", "web"}


def is_edge(path: Path) -> bool:
    return (
        path.name in EDGES
        or bool(EDGE_FOLDERS & set(path.parts))
        or "transactions.commit(" in path.read_text(encoding="utf-8")
    )


CLOCKS = re.compile(
    r"\b(datetime\.now|date\.today|timezone\.now|timezone\.localdate\(\)|utcnow|localtime\(\)|clock\.now|clock\.today)\b"
)
# These say in a name, a help text, a sentence or a verbose name what a docstring would repeat.
SPEAKS_FOR_ITSELF = re.compile(
    r"(AppConfig|AdminConfig|BaseCommand|Choices|Refusal|Admin|Inline|ModelForm|Filter|InvalidPosting|_Prefixed)$|QuerySet\b"
)
SIGNALS = re.compile(r"django\.(db\.models\.signals|dispatch|core\.signals)|@receiver\b")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def ours() -> Iterator[type[models.Model]]:
    """Yield the models of our own apps."""
    for model in apps.get_models(include_auto_created=True):
        if model.__module__.split(".")[0] in LAYERS:
            yield model


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_foreign_keys_point_downwards():
    upward = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in ours()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.OneToOneField | models.ManyToManyField)
        and (layer := field.related_model.__module__.split(".")[0]) in LAYERS
        and LAYERS.index(layer) < LAYERS.index(model.__module__.split(".")[0])
    ]

    assert not upward


def test_a_refusal_s_code_is_defined_once():
    codes = [code for path in SOURCES for code in re.findall(r'^    code = "(\w+)"$', path.read_text("utf-8"), re.M)]

    assert sorted(codes) == sorted(set(codes))


def test_no_model_hides_an_order():
    assert [model._meta.label for model in ours() if model._meta.ordering] == []


def test_every_constraint_has_a_name_that_says_what_holds():
    names = [constraint.name for model in ours() for constraint in model._meta.constraints]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z_0-9]{7,}", name) for name in names)


def test_the_driver_is_psycopg2_and_no_other_is_installed():
    assert connection.Database.__name__ == "psycopg2"
    assert importlib.util.find_spec("psycopg") is None


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_effects_are_called_by_name(path):
    assert not SIGNALS.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in SOURCES if not is_edge(path)], ids=relative)
def test_no_clock_is_read_below_the_edge(path):
    assert not CLOCKS.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_and_functions_fit_the_eye(path):
    text = path.read_text(encoding="utf-8")

    assert text.count("\n") <= 400
    assert [function.name for function in functions(path) if function.end_lineno - function.lineno >= 70] == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_are_named_for_what_they_do_and_say_it(path):
    assert path.stem not in {"utils", "helpers", "services", "managers", "misc", "common"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not (
            isinstance(node, ast.ClassDef) and any(SPEAKS_FOR_ITSELF.search(ast.unparse(base)) for base in node.bases)
        )
    ]
    assert silent == []
