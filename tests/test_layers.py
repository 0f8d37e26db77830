"""The architecture: imports point down only, and our package names are ours alone."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OUR_DISTRIBUTION = "nextbeam"
MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "models": {"schemas"},
    "transforms": {"schemas", "models"},
    "pipelines": {"schemas", "models", "transforms"},
}
PURE = ("schemas", "models")
IMPURE_IMPORTS = {"apache_beam", "google", "duckdb", "socket", "urllib", "http", "requests", "random", "time"}
KNOWS_BEAM = {ROOT / "schemas" / "coders.py"}
GRAPH_PARTS = {"DoFn", "CombineFn", "Struct"}


def _modules(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    """Top-level packages that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_downwards(layer):
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[layer] - {layer} | {"tests", "benchmarks"}
    assert not [(str(path), up) for path in _modules(layer) if (up := _imported(path) & forbidden)]


@pytest.mark.parametrize("layer", PURE)
def test_pure_layers_know_no_runner_no_network_no_clock_and_no_chance(layer):
    found = [(path, impure) for path in _modules(layer) if (impure := _imported(path) & IMPURE_IMPORTS)]
    assert not [(str(path), impure) for path, impure in found if path not in KNOWS_BEAM]


def test_pipelines_define_no_part_of_the_graph():
    """They may run as `__main__`, and what is defined there is pickled by value."""
    for path in _modules("pipelines"):
        for node in ast.walk(ast.parse(path.read_text())):
            bases = [ast.unparse(base).rpartition(".")[2] for base in getattr(node, "bases", [])]
            assert not GRAPH_PARTS.intersection(bases[:1]) or "Struct" in bases, f"{path}: {node.name}"


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_no_other_distribution_owns_our_names(layer):
    owners = set(packages_distributions().get(layer, [])) - {OUR_DISTRIBUTION}
    assert not owners, f"{owners} would be merged over our `{layer}` package"


def test_test_folders_are_no_packages():
    """One with an `__init__.py` would shadow the package of the same name."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
