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
from terraform_schema import ProviderSchema

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv-infra" / "schemas"
_BLOCK = re.compile(
    r'^\s*(?:resource|data|mock_resource|mock_data|override_resource|override_data)\s+"(google_\w+)"', re.M
)
_QUIET = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
_SILENT = ("-no-color", "-input=false", "-lock=false")
_LOCAL = 'terraform {\n  backend "local" {}\n}\n'


def types_used(folder: Path) -> set[str]:
    """The types of resources and data sources in the files of a configuration, modules and tests included."""
    files = [*folder.rglob("*.hcl"), *folder.rglob("*.tf")]
    return {found[1] for file in files for found in _BLOCK.finditer(file.read_text("utf-8"))}


def formatted(folder: Path) -> None:
    """Check that files are written as Terraform writes them; raises RuntimeError with the differences."""
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=_QUIET, check=False)
    if done.returncode:
        raise RuntimeError(f"terraform fmt would change:\n{done.stdout}{done.stderr}")


class Workspace:
    """A configuration that can be checked: `terraform` and what it reads of the project beside it."""

    def __init__(self, folder: Path, environment: dict[str, str], schemas: dict[str, ProviderSchema]) -> None:
        self.folder, self._schemas = folder, schemas
        self._environment = _QUIET | environment | {"TF_DATA_DIR": str(folder.parent / ".data")}

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

    def plan(self, environment: str) -> Any:
        """The plan of an environment, as JSON; prior state counts."""
        self.told("plan", *_SILENT, f"-var-file=environments/{environment}.tfvars", "-out=made.tfplan")
        return json.loads(self.told("show", "-json", "made.tfplan"))

    def apply(self) -> Any:
        """Apply the plan just made to a state of nothing real; the state as JSON, with every value known."""
        self.told("apply", *_SILENT, "made.tfplan")
        return json.loads(self.told("show", "-json"))

    def make(self, environment: str) -> Any:
        """Plan and apply an environment from nothing: its variables, plan and state, and the schemas they are of."""
        for state in self.folder.glob("terraform.tfstate*"):
            state.unlink()
        plan = self.plan(environment)
        variables = {name: entry.get("value") for name, entry in plan["variables"].items()}
        state = self.apply()
        return {
            "variables": variables,
            "plan": plan,
            "state": state,
            "undestroyable": self.undestroyable(environment),
            "schemas": self._schemas,
        }

    def undestroyable(self, environment: str) -> list[str]:
        """Addresses of what was made that Terraform refuses to destroy, whatever the provider would say."""
        done = self.terraform(
            "plan", "-destroy", "-json", *_SILENT, f"-var-file=environments/{environment}.tfvars"
        )
        said = [json.loads(line).get("diagnostic", {}).get("detail", "") for line in done.stdout.splitlines()]
        return [
            found[1]
            for detail in said
            if (found := re.match(r"Resource (.+) has lifecycle.prevent_destroy", detail))
        ]


@contextlib.contextmanager
def workspace(source: Path = ROOT / "terraform") -> Iterator[Workspace]:
    """A copy of a configuration, ready for commands; the project is beside it as it is beside the original."""
    types = types_used(source)
    schemas = {name: terraform_schema.load(name, types, CACHE) for name in terraform_schema.PACKAGES}
    with (
        tempfile.TemporaryDirectory(prefix="nextbeam-terraform-") as made,
        terraform_provider.serve(schemas) as environment,
    ):
        for entry in ROOT.iterdir():
            if entry.name != "terraform" and not entry.name.startswith("."):
                Path(made, entry.name).symlink_to(entry)
        folder = Path(made, "terraform")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        (folder / "backend_override.tf").write_text(_LOCAL)
        ready = Workspace(folder, environment, schemas)
        ready.told("init", "-no-color", "-input=false")
        yield ready
