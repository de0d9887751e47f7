"""The command, with real commits."""

import datetime
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from foundation.jobs.models import BusinessDate

BERKA = Path(__file__).resolve().parents[1] / "profiles" / "berka_bank.toml"


def test_the_command_answers_in_json_and_fails_with_every_complaint(committed, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[bank]\nname = ""\n')
    written = io.StringIO()

    call_command("configure", str(BERKA), "--json", stdout=written)
    with pytest.raises(CommandError) as error:
        call_command("configure", str(wrong))

    assert json.loads(written.getvalue())["made"]["programmes"] == ["composite", "points"]
    assert BusinessDate.objects.get().date == datetime.date(1994, 3, 30)
    assert str(error.value).count("\n") == 3 and error.value.returncode == 1
