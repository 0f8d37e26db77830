"""Runs the real Terraform on a copy of the configuration, against the stand-in for its providers."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import terraform_provider
import terraform_schema
from terraform_provider import Served
from terraform_schema import ProviderSchema

ROOT = Path(__file__).resolve().parents[2]
CHECKOV = ROOT / ".venv-infra" / "checkov" / "bin" / "checkov"
CACHE = ROOT / ".venv-infra" / "schemas"
_BLOCK = re.compile(r'\b(?:resource|data|mock_resource|mock_data|override_data)\s+\\?"(google_\w+)')
_NAMING = (
    ROOT / "terraform",
    *(Path(__file__).with_name(name) for name in ("fixtures", "terraform_mutants.yaml")),
)
"""Where types are named that checks need: all are read at once, which costs as much as one."""
_QUIET = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
_SILENT = ("-no-color", "-input=false", "-lock=false")
_LOCAL = 'terraform {\n  backend "local" {}\n}\n'


def types_used(*places: Path) -> set[str]:
    """The types of resources and data sources that files name, those of folders included."""
    files = [file for place in places for end in ("*.tf", "*.hcl") for file in place.rglob(end)]
    files += [place for place in places if place.is_file()]
    return {found[1] for file in files for found in _BLOCK.finditer(file.read_text("utf-8"))}


def formatted(folder: Path) -> None:
    """Check that files are written as Terraform writes them; raises RuntimeError with the differences."""
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=_QUIET, check=False)
    if done.returncode:
        raise RuntimeError(f"terraform fmt would change:\n{done.stdout}{done.stderr}")


def scanned(folder: Path) -> None:
    """Look for what checkov knows to be unsafe; raises RuntimeError with what it found, or could not read."""
    config = str(folder / ".checkov.yaml")
    command = [str(CHECKOV), "--directory", str(folder), "--config-file", config, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
        summary, failed = report["summary"], report["results"]["failed_checks"]
    except (ValueError, LookupError, TypeError) as error:
        raise RuntimeError(f"checkov did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}") from error
    found = ["{check_id} {file_path} {resource}: {check_name}".format_map(one) for one in failed]
    if found or summary["parsing_errors"] or not summary["passed"]:
        raise RuntimeError("\n".join([f"checkov says {summary}", *found]))


class Workspace:
    """A configuration that can be checked: `terraform` and what it reads of the project beside it."""

    def __init__(self, folder: Path, served: Served, schemas: dict[str, ProviderSchema]) -> None:
        self.folder, self.schemas, self._served = folder, schemas, served
        self._environment = _QUIET | dict(served.environment) | {"TF_DATA_DIR": str(folder.parent / ".data")}

    def terraform(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of Terraform there."""
        command = ["terraform", f"-chdir={self.folder}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)

    def told(self, *arguments: str) -> str:
        """What a command says; raises RuntimeError, with its complaint, where it fails."""
        done = self.terraform(*arguments)
        if done.returncode:
            raise RuntimeError(f"terraform {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def validate(self) -> str:
        """Check the configuration without variables."""
        return self.told("validate", "-no-color")

    def test(self) -> str:
        """Run the configuration's own tests."""
        return self.told("test", "-no-color")

    def plan(self, *variables: str) -> Any:
        """The plan with these files of variables, as JSON; what was applied before counts."""
        files = [f"-var-file={file}" for file in variables]
        self.told("plan", *_SILENT, *files, "-out=made.tfplan")
        return json.loads(self.told("show", "-json", "made.tfplan"))

    def foresee(self, *variables: str) -> Any:
        """The plan with every value known, and the schemas that it is of."""
        self._served.foresee = True
        try:
            return {"plan": self.plan(*variables), "schemas": self.schemas}
        finally:
            self._served.foresee = False

    def apply(self, *variables: str) -> Any:
        """Plan and apply to a state of nothing real; the state as JSON."""
        self.plan(*variables)
        self.told("apply", *_SILENT, "made.tfplan")
        return json.loads(self.told("show", "-json"))


ENVIRONMENTS = {
    "dev": ("environments/dev.tfvars",),
    "prod": ("environments/prod.tfvars",),
    "everything": (
        "environments/dev.tfvars",
        str(Path(__file__).with_name("fixtures") / "everything.tfvars"),
    ),
}
"""Files of variables, by environment; the last one switches on what is optional."""


@contextlib.contextmanager
def workspace(source: Path = ROOT / "terraform") -> Iterator[Workspace]:
    """A copy of a configuration, ready for commands; the project is beside it as it is beside the original."""
    types = types_used(source, *_NAMING)
    schemas = {name: terraform_schema.load(name, types, CACHE) for name in terraform_schema.PACKAGES}
    with (
        tempfile.TemporaryDirectory(prefix="nextbeam-terraform-") as made,
        terraform_provider.serve(schemas) as served,
    ):
        for entry in ROOT.iterdir():
            if entry.name != "terraform" and not entry.name.startswith("."):
                Path(made, entry.name).symlink_to(entry)
        folder = Path(made, "terraform")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        (folder / "backend_override.tf").write_text(_LOCAL)
        ready = Workspace(folder, served, schemas)
        ready.told("init", "-no-color", "-input=false")
        yield ready
