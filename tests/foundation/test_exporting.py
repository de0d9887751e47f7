"""No cell that leaves the house starts a formula (H02)."""

import pytest

from foundation.exporting import safe


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "－1"])
def test_a_text_that_a_spreadsheet_would_run_stands_behind_an_apostrophe(text):
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["2241", "a=b", "", -12, None])
def test_anything_else_is_left_alone(cell):
    assert safe(cell) == cell
