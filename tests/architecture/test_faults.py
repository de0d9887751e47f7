"""docs/faults.md names tests that are there."""

import ast
import re

import pytest
from django.conf import settings

ROW = re.compile(r"^\| ([A-H]\d\d) \| [^|]+ \| `([^`:]+)::(\w+)` \|$", re.MULTILINE)
TEXT = (settings.BASE_DIR / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = ROW.findall(TEXT)


def test_each_line_of_the_catalogue_stands_once_and_in_order():
    lines = [line for line, _file, _test in ROWS]

    assert lines == sorted(set(lines))
    assert len(lines) == len(re.findall(r"^\| [A-H]\d", TEXT, re.MULTILINE)) > 30


@pytest.mark.parametrize(("line", "file", "test"), ROWS, ids=[line for line, _file, _test in ROWS])
def test_the_test_of_a_fault_is_there(line, file, test):
    tree = ast.parse((settings.BASE_DIR / file).read_text(encoding="utf-8"))

    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
