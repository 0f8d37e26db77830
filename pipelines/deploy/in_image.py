"""Whether an image holds what a launcher and a worker need: run while it is built."""

import argparse
import hashlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

OURS = ("schemas", "models", "transforms", "pipelines")
BOOT = (Path("/opt/apache/beam/boot"), Path("/opt/google/dataflow/python_template_launcher"))


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is missing; 0: nothing is."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.deploy.in_image")
    parser.add_argument("--jar", type=Path, help="a jar that has to be there")
    parser.add_argument("--sha256", default="", help="its digest")
    args = parser.parse_args(argv)
    found = [*missing_programs(), *foreign_packages(), *missing_data(), *missing_kernel()]
    if args.jar:
        found += wrong_jar(args.jar, args.sha256)
    print("\n".join(found) or "the image is complete")
    return 1 if found else 0


def missing_programs() -> Iterator[str]:
    """What starts workers and launchers."""
    yield from (f"{path} is not there" for path in BOOT if not path.is_file())


def foreign_packages() -> Iterator[str]:
    """Other distributions that own one of our names: an installer would have mixed the two without a word."""
    owners = packages_distributions()
    for name in OURS:
        others = set(owners.get(name, [])) - {"nextbeam"}
        if others:
            yield f"{name} is of {', '.join(sorted(others))}, too"


def missing_data() -> Iterator[str]:
    """Files of ours that are no Python, each asked for in the way in which a job does."""
    from models.mapping import load_mapping  # noqa: PLC0415  (what cannot be imported is a finding, too)
    from models.plan.compiled import Plan  # noqa: PLC0415
    from pipelines.locate import CATALOGUES, MAPPINGS, find_mapping, find_plan, shipped  # noqa: PLC0415
    from pipelines.provisioning.resources import TABLES  # noqa: PLC0415
    from pipelines.sql.views import VIEWS  # noqa: PLC0415

    if not (shipped(CATALOGUES) and shipped(MAPPINGS) and list(VIEWS)):
        yield "plans, mappings or views are not there"
    for name in shipped(CATALOGUES):
        Plan.load(find_plan(name))
    for name in shipped(MAPPINGS):
        load_mapping(find_mapping(name))
    yield from (f"table {table.name} has no columns" for table in TABLES if not table.columns())


def missing_kernel() -> Iterator[str]:
    """Compiled modules that were left out: a build without a C compiler says nothing, and workers would be slow."""
    from models import kernel  # noqa: PLC0415
    from schemas import kernel as of_records  # noqa: PLC0415

    for package in (kernel, of_records):
        for name in package.MODULES:
            try:
                importlib.import_module(f"{package.__name__}.{name}")
            except ImportError as error:
                yield f"the kernel's {name} is not compiled, or not for this image: {error}"


def wrong_jar(jar: Path, sha256: str) -> list[str]:
    """Whether a jar is the one that was meant."""
    if not jar.is_file():
        return [f"{jar} is not there"]
    with jar.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return [] if found == sha256 else [f"{jar} is {found}, not {sha256 or 'of a digest that was given'}"]


if __name__ == "__main__":
    print(f"nextbeam {distribution('nextbeam').version}")
    sys.exit(main())
