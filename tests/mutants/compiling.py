"""The compiled modules that hold a file of the kernel: found, and built anew in a copy of the code."""

import re
import subprocess
import sys
from pathlib import Path

SUFFIXES = (".pyx", ".pxi")

_INCLUDED = re.compile(r'^include "(.+)"', re.MULTILINE)

_BUILD = """
import sys
from setuptools import Distribution, Extension

flags, *names = sys.argv[1:]
modules = [Extension(name.replace("/", "."), [name + ".pyx"], extra_compile_args=flags.split()) for name in names]
build = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
build.inplace = build.force = True
build.ensure_finalized()
build.run()
"""
_FLAGS = "-O0 -g0 -w -ffp-contract=off -fwrapv"
"""As pyproject.toml says, but for time: a mutant is run for seconds."""


def modules(file: str, root: Path) -> list[str]:
    """Paths, without suffix, of the modules that a file of the kernel is part of."""
    path = Path(file)
    found = sorted(path.parent / each.name for each in (root / path.parent).glob("*.pyx"))
    return [str(each.with_suffix("")) for each in found if path in _parts(each, root)]


def _parts(file: Path, root: Path) -> set[Path]:
    names = _INCLUDED.findall((root / file).read_text("utf-8"))
    return {file}.union(*(_parts(file.parent / name, root) for name in names))


def libraries(module: str, root: Path) -> list[Path]:
    """What a module, by its path without suffix, was compiled to; nothing where it was not."""
    path = root / module
    return sorted(path.parent.glob(f"{path.name}.*.so"))


def built(root: Path) -> bool:
    """Whether all of the kernel is."""
    sources = root.glob("*/kernel/*.pyx")
    return all(libraries(str(source.relative_to(root).with_suffix("")), root) for source in sources)


def build(names: list[str], root: Path) -> None:
    """Compile modules, by their paths without suffix, in place.

    Raises:
      ValueError: They do not compile.
    """
    command = (sys.executable, "-c", _BUILD, _FLAGS, *names)
    done = subprocess.run(command, cwd=root, capture_output=True, check=False, text=True)
    if done.returncode:
        raise ValueError(f"{', '.join(names)} does not compile: {done.stderr.strip()[-500:]}")
