"""Runs the checks of infrastructure in their own environment, where there is one."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIXTURES = HERE / "fixtures"
TOOLS = ROOT / ".venv-infra" / "tools" / "bin" / "python"
CHECKOV = ROOT / ".venv-infra" / "checkov" / "bin" / "python"

needs_terraform = [
    pytest.mark.skipif(not TOOLS.exists(), reason="no environment for checks of infrastructure: make infra"),
    pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on this machine"),
]


def check(
    *commands: str, source: Path | None = None, **options: object
) -> "subprocess.CompletedProcess[str]":
    """Run `terraform_check.py`, e.g. `check("plan", env="prod", json=path)`."""
    named = {"source": source} | options if source else options
    arguments = [part for name, value in named.items() for part in (f"--{name}", str(value))]
    script = str(HERE / "terraform_check.py")
    return subprocess.run([TOOLS, script, *commands, *arguments], capture_output=True, text=True, check=False)


def written(*commands: str, to: Path, **options: object) -> Any:
    """What the last of the commands writes as JSON; fails where one does."""
    done = check(*commands, json=to, **options)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return json.loads(to.read_text("utf-8"))
