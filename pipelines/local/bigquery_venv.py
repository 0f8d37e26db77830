"""The virtual environment of the BigQuery emulator: made on first use, by a lock file, and left alone afterwards.

The emulator needs Python 3.13, we run on 3.11. It asks for DuckDB 2, but runs on 1.5.5 (that is what the lock file's
override is for), and for that version the extensions it loads come as packages: nothing is downloaded at run time.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.local import duckdb_extensions
from pipelines.local.processes import UnavailableError

LOCK = Path(__file__).parent / "requirements-bigquery.lock"
PYTHON, FOLDER = "NEXTBEAM_BIGQUERY_PYTHON", "NEXTBEAM_BIGQUERY_VENV"
_OLDEST, _TOO_NEW = (3, 13), (3, 15)
_EXTENSIONS = ("ducklake", "icu", "json", "spatial")
_MARK = ".installed"
_INSTALL_S, _ASK_S = 900, 20
_VERSION = "import sys; print(*sys.version_info[:2])"
_ROOT = Path(__file__).resolve().parents[2]


def location(environ: Mapping[str, str]) -> Path:
    """Where it is: as told, in the project if we run from one, else in the user's cache."""
    if named := environ.get(FOLDER):
        return Path(named)
    if (_ROOT / "Makefile").is_file() and (_ROOT / "pyproject.toml").is_file():
        return _ROOT / ".venv-bigquery"
    cache = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", str(Path.home()))) / ".cache"
    return Path(cache) / "nextbeam" / "bigquery"


def home(venv: Path) -> Path:
    """The home folder that the emulator is given."""
    return venv / "home"


def installed(venv: Path, environ: Mapping[str, str], say: Callable[[str], None] = print) -> Path:
    """The emulator's program, installed first if it is not there or not what the lock file says.

    Of several processes that ask at once, one installs and the others wait.

    Raises:
      UnavailableError: There is no suitable Python, or the packages cannot be had.
    """
    program, mark = venv / "bin" / "local-bigquery", venv / _MARK
    if not _is_current(program, mark):
        with _alone(venv):
            if not _is_current(program, mark):
                say(f"Installing the BigQuery emulator into {venv} (once) ...")
                _install(venv, environ)
                mark.write_text(_digest(), "utf-8")
    return program


def _is_current(program: Path, mark: Path) -> bool:
    return program.is_file() and mark.is_file() and mark.read_text("utf-8") == _digest()


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _install(venv: Path, environ: Mapping[str, str]) -> None:
    python, uv = find_python(environ), find_uv(environ)
    _make(venv, python, uv)
    inside = venv / "bin" / "python"
    asked = ["--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    if uv:
        native = [str(uv), "pip", "install", "--native-tls", "--python", str(inside)]
        _run([*native, *asked], environ)
    else:
        _run([str(inside), "-m", "pip", "install", "--disable-pip-version-check", *asked], environ)
    home(venv).mkdir(exist_ok=True)
    script = [str(inside), "-I", duckdb_extensions.__file__, *_EXTENSIONS]
    _run(script, {**environ, "HOME": str(home(venv))})


def _make(venv: Path, python: Path, uv: Path | None) -> None:
    """An empty environment; what was there is removed, but for the lock that we hold in it."""
    for left in venv.iterdir():
        if left.name != _LOCK_NAME:
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    if uv:
        made = [str(uv), "venv", "--quiet", "--allow-existing", "--python", str(python), str(venv)]
    else:
        made = [str(python), "-m", "venv", str(venv)]
    _run(made, os.environ)


def find_python(environ: Mapping[str, str]) -> Path:
    """A Python that the emulator runs on: as told, on the PATH, of pyenv, of uv, or downloaded by uv.

    Raises:
      UnavailableError: There is none.
    """
    if named := environ.get(PYTHON):
        if _suits(Path(named)):
            return Path(named)
        raise UnavailableError(f"{PYTHON}: {named!r} is no Python {_wanted()}")
    for candidate in _candidates(environ):
        if _suits(candidate):
            return candidate
    if (uv := find_uv(environ)) and (found := _downloaded(uv, environ)):
        return found
    raise UnavailableError(
        f"the BigQuery emulator needs Python {_wanted()}, and there is none here: install one "
        f"(`uv python install 3.13` or `pyenv install 3.13`), or set {PYTHON} to it"
    )


def find_uv(environ: Mapping[str, str]) -> Path | None:
    """uv: of our own environment, or on the PATH."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv", path=environ.get("PATH", ""))
    return Path(found) if found else None


def _wanted() -> str:
    return f"{_OLDEST[0]}.{_OLDEST[1]} or {_TOO_NEW[0]}.{_TOO_NEW[1] - 1}"


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    names = [f"python3.{minor}" for minor in range(_OLDEST[1], _TOO_NEW[1])]
    for name in names:
        if found := shutil.which(name, path=environ.get("PATH", "")):
            yield Path(found)
    user = Path(environ.get("HOME", "/nonexistent"))
    pyenv = Path(environ.get("PYENV_ROOT") or user / ".pyenv") / "versions"
    managed = Path(environ.get("UV_PYTHON_INSTALL_DIR") or user / ".local" / "share" / "uv" / "python")
    for name in names:
        version = name.removeprefix("python")
        yield from sorted(pyenv.glob(f"{version}.*/bin/{name}"))
        yield from sorted(managed.glob(f"cpython-{version}.*/bin/{name}"))


def _suits(python: Path) -> bool:
    """Whether it is there, runs (a shim of pyenv may not) and is of a version that the emulator runs on."""
    try:
        said = subprocess.run(
            [python, "-I", "-c", _VERSION], capture_output=True, text=True, timeout=_ASK_S, check=True
        )
        major, minor = map(int, said.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return _OLDEST <= (major, minor) < _TOO_NEW


def _downloaded(uv: Path, environ: Mapping[str, str]) -> Path | None:
    """What uv can get from the internet; None if it cannot."""
    version = f"{_OLDEST[0]}.{_OLDEST[1]}"
    try:
        _run([str(uv), "python", "install", "--quiet", "--native-tls", version], environ)
    except UnavailableError:
        return None
    return next((found for found in _candidates(environ) if _suits(found)), None)


def _run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            command, env=dict(environ), capture_output=True, text=True, timeout=_INSTALL_S, check=True
        )
    except subprocess.CalledProcessError as error:
        why = (error.stderr or error.stdout).strip()[-2000:]
        raise UnavailableError(
            f"the BigQuery emulator cannot be installed: {' '.join(command)}:\n{why}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"the BigQuery emulator cannot be installed: {error}") from error


_LOCK_NAME = ".installing"
"""Not `.lock`: uv wants that one for itself, and would wait for us for five minutes."""


@contextmanager
def _alone(venv: Path) -> Iterator[None]:
    """Hold the folder's lock; it is free again however we end."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        opened = os.open(venv / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UnavailableError(
            f"the BigQuery emulator cannot be installed: {venv} cannot be written to ({error.strerror}); "
            f"set {FOLDER} to another folder"
        ) from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
