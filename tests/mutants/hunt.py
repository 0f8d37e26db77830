"""Plant each fault of the catalogue in a copy of the code and see that tests find it: `make mutants`.

The tests of what a file does are tried first; for the ledger then random histories of delivery, and oracles.
A fault that these first tests find takes some 20 s of CPU (`--only ledger/tallies --part 1/9 --jobs 1`: 19.6 s), one of
the kernel, which is compiled, a minute, of about 170. Each line says how far it is; `--part 1/8`, then 2/8 and so
on, is the same in parts, for other days or machines.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import msgspec
from mutants import compiling
from mutants.finders import TESTS, WITH_KERNEL

ROOT = Path(__file__).parents[2]
CATALOGUE = Path(__file__).parent / "catalogue.yaml"

HISTORIES = ("-m", "delivery", "--seeds", "300", "--stop")

ORACLES = "contact_policy", "allocation"
"""The ledger beside oracles that try everything: last, for they cost most."""

_SECONDS = 300
"""A fault after which tests run so long is found, too."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the catalogue says of a mutant, under the name of its file."""

    meaning: str
    text: str
    instead: str


class Mutant(msgspec.Struct, frozen=True):
    """One planted fault: in the file, what stands `instead` of a text that occurs once, and what that would mean."""

    file: str
    meaning: str
    text: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}: {self.meaning}"

    @property
    def compiled(self) -> bool:
        """Whether something has to be built before it can be found: not for every day."""
        return self.file.endswith(compiling.SUFFIXES)

    @property
    def with_kernel(self) -> bool:
        """Whether it is found with the compiled form; else without it."""
        return self.compiled or self.file in WITH_KERNEL


def mutants(catalogue: Path = CATALOGUE) -> list[Mutant]:
    """All of the catalogue.

    Raises:
      ValueError: It is not a catalogue, names a mutant twice or a file for which no tests are known.
    """
    try:
        files = msgspec.yaml.decode(catalogue.read_bytes(), type=dict[str, list[Fault]])
    except msgspec.DecodeError as error:
        raise ValueError(f"{catalogue.name}: {error}") from error
    found = [
        Mutant(file, fault.meaning, fault.text, fault.instead)
        for file, faults in files.items()
        for fault in faults
    ]
    for file in files.keys() - TESTS.keys():
        raise ValueError(f"{catalogue.name}: {file}: no tests are known for it; name them in mutants.finders")
    for mutant in found:
        if [str(each) for each in found].count(str(mutant)) > 1:
            raise ValueError(f"{catalogue.name}: {mutant}: named more than once; say how they differ")
        if mutant.text == mutant.instead:
            raise ValueError(f"{catalogue.name}: {mutant}: changes nothing")
    return found


def sample(among: list[Mutant], size: int) -> list[Mutant]:
    """Some mutants, at least as many files; others whenever a file that holds any of them changes."""
    digest = hashlib.sha256()
    for file in sorted({mutant.file for mutant in among}):
        digest.update((ROOT / file).read_bytes())

    def place(mutant: Mutant) -> bytes:
        return hashlib.sha256(digest.digest() + str(mutant).encode()).digest()

    first: dict[str, Mutant] = {}
    for mutant in sorted(among, key=place):
        first.setdefault(mutant.file, mutant)
    return list(first.values())[:size]


def possible(among: list[Mutant]) -> list[Mutant]:
    """Those that can be looked for here: where the kernel is not built, it has none."""
    return [mutant for mutant in among if not mutant.with_kernel or compiling.built(ROOT)]


def planted(mutant: Mutant, root: Path = ROOT) -> str:
    """The text of the mutant's file with the fault in it.

    Raises:
      ValueError: The text to replace is not there exactly once: the catalogue is behind the code.
    """
    text = (root / mutant.file).read_text("utf-8")
    if (times := text.count(mutant.text)) != 1:
        raise ValueError(f"{mutant}: {mutant.text!r} occurs {times} times, not once")
    return text.replace(mutant.text, mutant.instead)


class Finder(NamedTuple):
    """What found a mutant: its name, and the command that fails because of the fault: it has to pass without."""

    name: str
    command: tuple[str, ...]
    with_kernel: bool


def killer(mutant: Mutant, copy: Path) -> Finder | None:
    """Plant the fault in `copy`, a copy of the code, and take it out again: what found it, or None.

    Raises:
      ValueError: Nothing can be said of it: the catalogue is behind the code, or with the fault it does not load.
    """
    file = copy / mutant.file
    modules = compiling.modules(mutant.file, copy) if mutant.compiled else []
    before = {path: path.read_bytes() for name in modules for path in compiling.libraries(name, copy)}
    before[file] = file.read_bytes()
    file.write_text(planted(mutant, copy), "utf-8")
    try:
        if modules:
            compiling.build(modules, copy)
        for name in modules or [mutant.file.removesuffix(".py")]:
            if failing(copy, "-c", f"import {name.replace('/', '.')}"):
                raise ValueError(
                    f"{mutant}: {mutant.file} does not load any more, which no test needs to find"
                )
        for name, command in _commands(mutant).items():
            done = run(copy, *command, with_kernel=mutant.with_kernel)
            if done is None or done.returncode:
                return Finder(name, _narrowed(command, done), mutant.with_kernel)
        return None
    finally:
        for path, sound in before.items():
            path.write_bytes(sound)
        shutil.rmtree(copy / ".hypothesis", ignore_errors=True)


def unsound(among: Iterable[Mutant], copy: Path) -> bool:
    """Whether the tests that should find these mutants fail in `copy` without any."""
    names: dict[bool, set[str]] = {}
    for mutant in among:
        names.setdefault(mutant.with_kernel, set()).update(TESTS[mutant.file])
    return any(failing(copy, *_pytest(sorted(tests)), with_kernel=kernel) for kernel, tests in names.items())


def unreliable(finders: Iterable[Finder | None], copy: Path) -> list[Finder]:
    """What found mutants, and fails in `copy` without any, too."""
    return [
        each for each in {*finders} if each and failing(copy, *each.command, with_kernel=each.with_kernel)
    ]


def _narrowed(command: tuple[str, ...], done: subprocess.CompletedProcess[str] | None) -> tuple[str, ...]:
    """The same command for the one test alone that failed in it; as it was, if no single test did."""
    failed = re.findall(r"^FAILED (tests/[^\s\[]+)", done.stdout, re.MULTILINE) if done else []
    if len(failed) != 1:
        return command
    return *(word for word in command if not word.endswith(".py")), *failed


def _commands(mutant: Mutant) -> dict[str, tuple[str, ...]]:
    """What is tried, the likeliest and cheapest first."""
    tests = {"tests": _pytest(TESTS[mutant.file])}
    if not mutant.file.startswith("models/ledger/"):
        return tests
    return {**tests, **_COSTLY}


def _pytest(names: Iterable[str]) -> tuple[str, ...]:
    # The same examples every time: what is found today is found tomorrow.
    seeded = ("--hypothesis-seed=0", "--hypothesis-profile=unshrunk")
    options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *seeded)
    return "-m", "pytest", *options, *(f"tests/unit/test_{name}.py" for name in names)


_COSTLY = {"histories": HISTORIES, "oracles": _pytest(ORACLES)}


def failing(copy: Path, *command: str, with_kernel: bool = False) -> bool:
    """Whether a command of Python fails, or never ends, in `copy`."""
    done = run(copy, *command, with_kernel=with_kernel)
    return done is None or done.returncode != 0


def run(copy: Path, *command: str, with_kernel: bool = False) -> subprocess.CompletedProcess[str] | None:
    """A command of Python in `copy`, once it has ended; None: it does not."""
    path = os.pathsep.join((str(copy), str(copy / "tests")))
    kernel = "1" if with_kernel else "0"
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NEXTBEAM_KERNEL": kernel,
    }
    try:
        return subprocess.run(
            [sys.executable, *command],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None


def copied(folder: Path) -> Path:
    """A copy, in `folder`, of what the tests need."""
    for name in ("transforms", "models", "schemas", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.c"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def hunted(chosen: list[Mutant], jobs: int, say: Callable[[str], None]) -> list[Mutant]:
    """The mutants that live.

    Raises:
      ValueError: The tests fail without any mutant; or nothing can be said of one.
    """
    finders: list[Finder | None] = []
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copies.put(copied(Path(folder, str(number))))

        def one(mutant: Mutant) -> Finder | None:
            copy = copies.get()
            try:
                return killer(mutant, copy)
            finally:
                copies.put(copy)

        if unsound(chosen, Path(folder, "0")):
            raise ValueError("the tests fail without any fault planted in the code")
        with ThreadPoolExecutor(jobs) as pool:
            for number, (mutant, found) in enumerate(zip(chosen, pool.map(one, chosen), strict=True), 1):
                say(f"{number:3}/{len(chosen)} {found.name if found else 'LIVES':10} {mutant}")
                finders.append(found)
        for finder in unreliable(finders, Path(folder, "0")):
            raise ValueError(f"without any fault in the code this fails, too: {' '.join(finder.command)}")
    return [mutant for mutant, found in zip(chosen, finders, strict=True) if not found]


def part(among: list[Mutant], named: str) -> list[Mutant]:
    """The part `i/n`, i from 1, of some mutants: every n-th, so that no part gets all that are costly.

    Raises:
      ValueError: It names no part.
    """
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", named)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(f"--part {named}: say 1/8, 2/8 ... 8/8 for eight parts")
    return among[int(found[1]) - 1 :: int(found[2])]


def main() -> int:
    """Say who found each mutant; 1 if any lives."""
    parser = argparse.ArgumentParser("python -m mutants.hunt", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose file or meaning holds this text")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="only the I-th of N parts, I from 1")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: %(default)s)")
    args = parser.parse_args()
    try:
        chosen = part(possible([each for each in mutants() if args.only in str(each)]), args.part)
        alive = hunted(chosen, args.jobs, lambda text: print(text, flush=True))
    except ValueError as error:
        print(error)
        return 2
    print(f"{len(chosen)} mutants, {len(chosen) - len(alive)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
