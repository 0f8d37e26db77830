"""What we build on is pinned, listed, licensed and there for a reason; and nothing of ours ever unpickles."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipelines.cli import main
from scripts.supply import licences, sbom, vulnerabilities
from scripts.supply.licences import LicenceError, expression, refused
from scripts.supply.locks import ROOT, LockError, Pin, of_image, parse, read

LAYERS = ("schemas", "models", "transforms", "pipelines")
TOOLS = ROOT / ".venv-infra" / "tools" / "bin"
HASH = "0" * 64

_ignored = {".venv", ".venv-readers", ".venv-peers", ".venv-infra", ".venv-bigquery", "out", ".terraform"}
LOCKS = [each for each in ROOT.rglob("*.lock") if not _ignored.intersection(each.parts)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}
DEVELOPMENT = {canonicalize_name(Requirement(each).name) for each in PROJECT["optional-dependencies"]["dev"]}
REASONS = (ROOT / "docs" / "adr" / "20261121-dependencies.md").read_text()


# --- locks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS, ids=lambda each: str(each.relative_to(ROOT)))
def test_every_lock_pins_every_package_by_version_and_hash(lock):
    assert read(lock)


def test_there_are_locks_to_check():
    assert {"requirements.lock", "requirements-dev.lock"} <= {each.name for each in LOCKS}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numpy==2.0\n", "has no hash"),
        (f"numpy>=2.0 --hash=sha256:{HASH}\n", "is not NAME==VERSION"),
        (f"numpy @ git+https://example.com/numpy --hash=sha256:{HASH}\n", "is not NAME==VERSION"),
        ("--extra-index-url https://example.com\n", "is not NAME==VERSION"),
        ("-e .\n", "is not NAME==VERSION"),
    ],
)
def test_a_lock_that_leaves_anything_open_is_refused(text, said):
    with pytest.raises(LockError, match=said):
        parse(text)


def test_what_the_image_leaves_out_is_known_by_its_markers():
    lines = [
        f"a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:{HASH}",
        f"b==1 ; python_full_version < '3.12' \\\n    --hash=sha256:{HASH}",
        f"c==1 ; python_full_version >= '3.12' \\\n    --hash=sha256:{HASH}",
        f"d==1 \\\n    --hash=sha256:{HASH}",
    ]
    pins = parse("\n".join(lines))
    assert [pin.name for pin in of_image(pins)] == ["b", "d"]
    assert parse("\n".join(pin.line() for pin in pins)) == pins


def test_the_development_lock_holds_what_the_image_installs_in_the_same_versions():
    development = {(pin.name, pin.version) for pin in read(ROOT / "requirements-dev.lock")}
    assert {(pin.name, pin.version) for pin in read()} <= development


# --- reasons ---------------------------------------------------------------------------------------------------------


def _with_reasons() -> set[str]:
    """The names in the table and in the list of what was given."""
    given = re.search(r"^Given: (.*)$", REASONS, re.M)
    rows = re.findall(r"^\| ([^|]+) \| [^|]{10,} \|", REASONS, re.M)
    assert given
    listed = ", ".join([given[1].rstrip("."), *rows]).replace("(development only)", "")
    return {canonicalize_name(name.partition("[")[0].strip()) for name in listed.split(",")}


def test_every_dependency_has_a_recorded_reason_and_every_reason_a_dependency():
    reasons = _with_reasons()
    there = {"type stubs" if name.startswith("types-") else name for name in DIRECT | DEVELOPMENT}
    assert there - reasons == set()
    assert reasons - there == set()


def _imported(layer: str) -> dict[str, str]:
    """Top-level packages that are not ours nor Python's, each with a module that imports it."""
    found: dict[str, str] = {}
    for path in (ROOT / layer).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0]: str(path) for name in names}
    return {name: path for name, path in found.items() if name not in {*LAYERS, *sys.stdlib_module_names}}


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_imported_is_a_dependency_or_comes_with_one(layer):
    owners = packages_distributions()
    with_them = {
        canonicalize_name(Requirement(line).name) for each in DIRECT for line in requires(each) or ()
    }
    for name, path in _imported(layer).items():
        by = {canonicalize_name(each) for each in owners.get(name, [])}
        assert by & (DIRECT | with_them), f"{path} imports {name}, which nobody declares"


# --- licences --------------------------------------------------------------------------------------------------------


def test_the_list_of_licences_is_that_of_the_lock_and_all_are_accepted():
    pins = of_image(read())
    assert licences.document(pins, licences.licences(pins)) == licences.DOCUMENT.read_text()


@pytest.mark.parametrize(
    ("licence", "left"),
    [
        ("MIT", set()),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
        ("GPL-3.0-only OR MIT", set()),
        ("GPL-3.0-only AND MIT", {"GPL-3.0-only"}),
        ("MPL-2.0 AND (Apache-2.0 OR AGPL-3.0-only)", set()),
        ("(MIT OR GPL-2.0-only) AND (SSPL-1.0 OR BUSL-1.1)", {"SSPL-1.0"}),
        ("MIT OR GPL-2.0-only AND SSPL-1.0", set()),
        ("UNKNOWN", {"UNKNOWN"}),
    ],
)
def test_of_a_choice_of_licences_one_has_to_be_accepted_and_else_all(licence, left):
    assert refused(licence) == left


@pytest.mark.parametrize("licence", ["", "MIT AND", "(MIT", "MIT)", "OR MIT", "MIT MIT"])
def test_what_is_no_expression_is_not_accepted(licence):
    with pytest.raises(LicenceError):
        refused(licence)


@pytest.mark.parametrize(
    ("said", "text", "classifiers", "found"),
    [
        ("MIT", "GPL", [], "MIT"),
        (None, "Apache License, Version 2.0", [], "Apache-2.0"),
        (None, "MIT License\n\nCopyright (c) ...", ["License :: OSI Approved :: MIT License"], "MIT"),
        (None, "Whatever we like", ["License :: Other/Proprietary License"], None),
        (None, None, ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"], None),
        (None, None, [], None),
    ],
)
def test_a_licence_is_what_a_package_says_or_unknown(said, text, classifiers, found):
    assert expression(said, text, classifiers) == found


def test_a_package_without_a_licence_that_we_know_fails_by_name(monkeypatch):
    monkeypatch.setattr(licences, "expression", lambda *_: None)
    with pytest.raises(LicenceError, match="msgspec: says no licence that we know"):
        licences.licences([pin for pin in read() if pin.name == "msgspec"])


def test_a_package_in_another_version_than_the_lock_is_no_evidence():
    with pytest.raises(LicenceError, match="is installed, locked is 0\\.0\\.1"):
        licences.licences([Pin("msgspec", "0.0.1", None, (HASH,))])


# --- bill of materials -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bill(tmp_path_factory) -> dict:
    if not (TOOLS / "cyclonedx-py").is_file():
        pytest.skip("cyclonedx-py is not there; `make infra` installs it")
    out = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run([ROOT / "scripts" / "sbom.sh", out], check=True, capture_output=True)
    return json.loads(out.read_text())


def test_the_bill_of_materials_lists_all_of_the_lock_with_hashes_and_licences(bill):
    assert sbom.gaps(bill, of_image(read())) == []
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "nextbeam"
    assert "timestamp" not in bill["metadata"], "the same lock should give the same bill"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda parts: parts.pop(), "is locked, but not listed"),
        (lambda parts: parts.append({"name": "evil", "version": "1"}), "is listed, but not locked"),
        (lambda parts: parts[0].update(version="0"), "is locked, but not listed"),
        (lambda parts: parts[0].update(externalReferences=[]), "hashes are not those of the lock"),
        (lambda parts: parts[0].pop("licenses"), "no licence"),
        (lambda parts: parts[0].update(purl="pkg:pypi/other@1"), "no package URL"),
    ],
)
def test_a_bill_that_lacks_or_adds_something_is_not_complete(bill, spoil, said):
    spoiled = json.loads(json.dumps(bill))
    spoil(spoiled["components"])
    assert any(said in gap for gap in sbom.gaps(spoiled, of_image(read())))


def test_what_was_added_to_the_bill_is_still_cyclonedx(bill, tmp_path):
    (tmp_path / "bill.json").write_text(json.dumps(bill))
    check = (
        "import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import *;"
        "sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()) or '') or 0)"
    )
    done = subprocess.run(
        [TOOLS / "python", "-c", check, tmp_path / "bill.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- vulnerabilities -------------------------------------------------------------------------------------------------

PINS = (Pin("a", "1", None, (HASH,)), Pin("b", "2", None, (HASH,)))
TODAY = date(2026, 11, 21)
CLEAN = {
    "dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "B", "version": "2", "vulns": []}]
}


def test_a_report_without_findings_on_every_package_passes():
    assert vulnerabilities.problems(CLEAN, PINS, TODAY) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"name": "b", "skip_reason": "could not be looked up"}, "b: skipped"),
        ({"name": "c", "version": "2", "vulns": []}, "b: not looked up"),
        ({"name": "b", "version": "3", "vulns": []}, "b: 3 was looked up, locked is 2"),
        ({"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}, "b 2: PYSEC-1"),
    ],
)
def test_a_package_that_is_vulnerable_or_was_not_looked_up_stops_a_release(other, said):
    report = {"dependencies": [CLEAN["dependencies"][0], other]}
    [problem] = vulnerabilities.problems(report, PINS, TODAY)
    assert problem.startswith(said)


def test_nothing_looked_up_at_all_is_not_green():
    assert len(vulnerabilities.problems({"dependencies": []}, PINS, TODAY)) == len(PINS)


def test_an_accepted_vulnerability_is_accepted_until_its_day(monkeypatch):
    monkeypatch.setattr(vulnerabilities, "ACCEPTED", {"CVE-1": (TODAY, "we never call it")})
    found = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": []}
    report = {"dependencies": [CLEAN["dependencies"][0], {"name": "b", "version": "2", "vulns": [found]}]}
    assert vulnerabilities.problems(report, PINS, TODAY) == []
    assert vulnerabilities.problems(report, PINS, date(2026, 11, 22))


# --- no unpickling ---------------------------------------------------------------------------------------------------

UNPICKLERS = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "torch", "jsonpickle",
    "apache_beam.internal.pickler", "apache_beam.internal.cloudpickle_pickler", "apache_beam.internal.dill_pickler",
}  # fmt: skip
MAKES_CODE = {"eval", "exec", "compile", "__import__"}
LOADERS = {"load", "load_all", "unsafe_load", "full_load", "Loader", "UnsafeLoader", "FullLoader"}

_DYNAMIC = "import_module of a name that is not written out"

ALLOWED = {
    ("schemas/kernel/__init__.py", _DYNAMIC): "compiled modules of ours, by a list of ours",
    ("pipelines/deploy/in_image.py", _DYNAMIC): "the same list, to see that all are there",
    ("pipelines/lean.py", _DYNAMIC): "modules of Beam, by a list of ours",
    ("pipelines/train.py", "joblib"): "writes an estimator for analysts; nothing of ours reads one",
    (
        "pipelines/local/direct_runner.py",
        "apache_beam.internal.pickler",
    ): "the local runner, as Beam's own does",
    ("schemas/structs.py", "eval"): "text of ours: names of a contract's fields",
    ("models/plan/emit.py", "exec"): "text of ours: names of a plan come in by repr",
    ("models/plan/emit.py", "compile"): "the same",
    ("models/mapping/compile.py", "exec"): "text of ours: names of a mapping come in by repr",
    ("models/mapping/compile.py", "compile"): "the same",
}


def _modules_named(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names=names):
            return {each.name for each in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {module, *(f"{module}.{each.name}" for each in names)}
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return {name}
        case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module")):
            return {_DYNAMIC}
    return set()


def _unsafe(node: ast.AST) -> set[str]:
    found = {
        name for name in _modules_named(node) if name in UNPICKLERS or name.partition(".")[0] in UNPICKLERS
    }
    found |= {name for name in _modules_named(node) if " " in name}
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in MAKES_CODE:
            found.add(name)
        case ast.Attribute(value=ast.Name(id="yaml"), attr=name) if name in LOADERS:
            found.add(f"yaml.{name}")
        case ast.Attribute(attr="read_pickle" | "PickleCoder" | "FastPrimitivesCoder" as name):
            found.add(name)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="load")) if not any(
            each.arg == "allow_pickle" and getattr(each.value, "value", None) is False
            for each in node.keywords
        ):
            found.add("numpy.load without allow_pickle=False")
        case ast.keyword(arg="allow_pickle", value=value) if getattr(value, "value", None) is not False:
            found.add("allow_pickle")
        case ast.Call(func=ast.Name(id="Unpickler") | ast.Attribute(attr="Unpickler")):
            found.add("Unpickler")
    return found


def _unsafe_in(source: str) -> set[str]:
    return {name for node in ast.walk(ast.parse(source)) for name in _unsafe(node)}


def test_no_module_of_ours_unpickles_and_few_make_code():
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        for name in _unsafe_in(path.read_text())
    }
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), "what is no longer there needs no exception"


def test_what_a_worker_gets_of_ours_has_no_exception_for_unpickling():
    assert not [at for at, name in ALLOWED if name in UNPICKLERS and not at.startswith("pipelines/")]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib",
        "from joblib import load",
        "import cloudpickle as fine",
        "import torch.nn",
        "from apache_beam.internal import pickler",
        "import marshal",
        "import importlib; importlib.import_module('dill')",
        "import importlib; importlib.import_module(name)",
        "import numpy as np; np.load(f)",
        "import numpy as np; np.load(f, allow_pickle=True)",
        "import numpy as np; np.load(f, allow_pickle=whatever)",
        "import yaml; yaml.load(f, Loader=yaml.Loader)",
        "import yaml; yaml.unsafe_load(f)",
        "import pandas as pd; pd.read_pickle(f)",
        "from apache_beam import coders; coders.PickleCoder()",
        "eval(text)",
        "exec(text)",
        "__import__('pickle')",
    ],
)
def test_the_search_finds(source):
    assert _unsafe_in(source)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    main(["simulate", "--customers", "6", "--days", "1", "--out", str(folder)])
    return folder


@pytest.mark.parametrize("plant", [False, True])
def test_while_a_signed_plan_is_loaded_and_decides_only_beam_unpickles_its_own_steps(day, tmp_path, plant):
    shutil.copytree(day, tmp_path / "day")
    probe = ROOT / "tests" / "infrastructure" / "worker_probe.py"
    done = subprocess.run(
        [sys.executable, probe, tmp_path, *(["--plant"] if plant else [])],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["decided"] > 0
    assert said["by"].pop("beam") > 0, "the hook hears nothing"
    assert said["by"] == ({"transforms/planted.py": 1} if plant else {})
    assert not {"joblib", "sklearn", "torch"} & set(said["loaded"])
