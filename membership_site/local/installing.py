"""Make the checkout's own Python environment, from the lock, with nothing at hand but Python."""

import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from membership_site.local.locking import lock
from membership_site.local.supervising import say

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
MARK = ENVIRONMENT / ".lock"  # the sum of the lock that was installed last
UV = "uv==0.13.9"


def install(*, development: bool) -> None:
    """Make `.venv` hold what the lock says, then go on inside it; does nothing where it does already."""
    files = [ROOT / "requirements-dev.lock"] + ([] if development else [ROOT / "requirements.lock"])
    wanted = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in files}
    with lock(ROOT / ".local" / "install.lock"):
        if not _environment_runs() or not MARK.exists() or MARK.read_text() not in wanted:
            sum_of_lock, requirements = wanted.popitem()
            _install(requirements)
            MARK.write_text(sum_of_lock)
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        os.execv(PYTHON, [str(PYTHON), "-m", "membership_site.local", *sys.argv[1:]])
    compile_catalogues()


def compile_catalogues() -> None:
    """Compile the translations that are newer than their compiled form; a bare machine has no msgfmt."""
    for catalogue in ROOT.glob("locale/*/LC_MESSAGES/*.po"):
        compiled = catalogue.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= catalogue.stat().st_mtime:
            continue
        import polib

        draft = compiled.with_suffix(f".{os.getpid()}")
        polib.pofile(str(catalogue)).save_as_mofile(str(draft))
        draft.replace(compiled)


def _environment_runs() -> bool:
    """Say whether `.venv` has a working Python; it has not where the Python it came from was moved or is not ours."""
    try:
        return subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _install(requirements: Path) -> None:
    if not _environment_runs():
        _refuse_unfit_machine()
        say(f"making {ENVIRONMENT.name} with Python {platform.python_version()}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    say(f"installing {requirements.name}")
    MARK.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    # Compiled once here, not by each of a dozen processes where PYTHONDONTWRITEBYTECODE is set.
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
    locked = ["--require-hashes", "-r", str(requirements)]
    quiet = {"stdout": sys.stderr, "env": {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}}
    if subprocess.run([*pip, UV], **quiet).returncode == 0 and subprocess.run([*uv, *locked], **quiet).returncode == 0:
        return
    say("uv could not; trying pip, which knows pip.conf")
    if subprocess.run([*pip, *locked], **quiet).returncode:
        sys.exit(f"Could not install {requirements.name}: is the package index reachable?")


def _refuse_unfit_machine() -> None:
    """Say in one line what this machine lacks, before anything is downloaded."""
    if "musl" in (sysconfig.get_config_var("SOABI") or ""):
        sys.exit("A Linux with glibc, or macOS, is needed: PostgreSQL's wheel has no musl. Use docker-compose.yml.")
    if platform.machine() not in ("x86_64", "aarch64", "arm64"):
        sys.exit(f"There are no wheels for {platform.machine()}. Use docker-compose.yml.")
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(f"Python's venv module is missing: apt install python{version}-venv (or python3-venv).")
