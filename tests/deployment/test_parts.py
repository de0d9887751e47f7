"""What the site is made of: every part pinned by its hash, and a list of them (CycloneDX) out of the lock alone (H19)."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

LOCKS = ("requirements.lock", "requirements-dev.lock")
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_part_is_pinned_by_its_hash_and_stands_in_the_list(name: str, tmp_path: Path):
    lock, made = settings.BASE_DIR / name, tmp_path / "sbom.json"
    text = lock.read_text(encoding="utf-8")

    subprocess.run(
        [Path(sys.executable).parent / "cyclonedx-py", "requirements", lock, "--of", "JSON", "-o", made],
        check=True,
        capture_output=True,
        timeout=300,
    )

    pinned = dict(PINNED.findall(text))
    assert len(pinned) > 50
    assert "http" not in text
    assert all("--hash=sha256:" in part for part in re.split(r"\n(?=[a-z0-9])", text.strip()))
    told = {part["name"]: part["version"] for part in json.loads(made.read_text())["components"]}
    assert told == pinned


def test_what_the_site_needs_is_what_tests_run_with():
    serving, testing = (dict(PINNED.findall((settings.BASE_DIR / name).read_text(encoding="utf-8"))) for name in LOCKS)

    assert serving.items() <= testing.items()
