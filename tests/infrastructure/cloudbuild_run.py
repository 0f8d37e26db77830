"""Builds run here: their real scripts, in their order, with a cloud that answers as a test says and keeps its calls."""

import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
IMAGE = f"europe-west2-docker.pkg.dev/bank/nextbeam/nextbeam@sha256:{'1' * 64}"
SUBSTITUTIONS = {
    "_BUILDER": f"builder@sha256:{'0' * 64}", "_REGION": "europe-west2", "_POOL": "pool",
    "_JOB": "nextbeam-decisioning",
    "_IMAGES": "europe-west2-docker.pkg.dev/bank/nextbeam", "_RELEASES": "bank-releases", "_DATASET": "nextbeam",
    "_SHADOW_DATASET": "nextbeam_shadow", "_ENVIRONMENT": "prod", "_STATE_BUCKET": "bank-state",
    "_PYTHON_UPSTREAM": "python",
}  # fmt: skip
BUILT_IN = {"PROJECT_ID": "bank", "COMMIT_SHA": "c0ffee"}
QUICK = {
    "POLL_S": "0",
    "SHADOW_MINUTES": "0",
    "START_S": "1",
    "STOP_S": "1",
    "SMOKE_TRIES": "4",
    "PAPER_S": "0",
}

_FAKE = r"""#!/bin/bash
# A tool that keeps how it was called, and answers as `answers` says: pattern, output, exit, how often.
name=${0##*/} home=@home@
printf '%s\n' "$name $*" >> "$home/calls"
[ "$name $1" = "python -c" ] && exec @python@ "$@"
place() { case $1 in gs://*) echo "$home/bucket/${1#gs://}" ;; *) echo "$1" ;; esac; }
written() {
  local flag=
  for each; do
    case "$flag $each" in "--out "*.json | "--output "*.json) echo -n '{}' > "$each" ;; esac
    case $each in -out=*) echo -n "a plan" > "${each#-out=}" ;; esac
    flag=$each
  done
}
number=0
while IFS='|' read -r pattern output code times; do
  number=$((number + 1)) used=0
  [[ "$name $*" =~ $pattern ]] || continue
  [ -f "$home/used-$number" ] && used=$(< "$home/used-$number")
  [ "$times" = 0 ] || [ "$used" -lt "$times" ] || continue
  echo $((used + 1)) > "$home/used-$number"
  printf '%b' "$output"
  written "$@"
  exit "$code"
done < "$home/answers"
if [ "$name $1 $2" = "gcloud storage cp" ]; then
  target=${!#}
  for source in "${@:3:$#-3}"; do
    to=$(place "$target")
    case $to in */) to=$to${source##*/} ;; esac
    [ -f "$(place "$source")" ] || exit 1
    mkdir -p "${to%/*}"
    cp "$(place "$source")" "$to"
  done
fi
written "$@"
"""

ALWAYS = (
    (r"^docker inspect", f"{IMAGE}\n", 0, 0),
    (r"^nextbeam deploy launch .*--validate-only", "Dataflow finds nothing wrong with it\n", 0, 0),
    (r"^nextbeam deploy launch", "job 2026-11-21_00_00_00-1\n", 0, 0),
    (r"^gcloud dataflow jobs describe", "JOB_STATE_RUNNING\n", 0, 0),
    (r"^gcloud dataflow jobs list .*name=nextbeam-decisioning-shadow", "", 0, 0),
    (r"^gcloud dataflow jobs list", "2026-11-20_00_00_00-0\n", 0, 0),
    (r"^nextbeam heartbeat", '{"heartbeat": "h", "answered": true, "age_ms": 90}\n', 0, 0),
    (r"^python -m scripts.supply.sbom", "{}\n", 0, 0),
    (r"^terraform .* output", "--job_name=nextbeam-decisioning\n--heartbeats_topic=heartbeats\n", 0, 0),
    (r"^terraform .* plan .*-detailed-exitcode", "", 2, 0),
    (r"^terraform .* show", "nothing to do\n", 0, 0),
    (r"^python -m pipelines.releases.comparing", '{"objections": []}\n', 0, 0),
)
"""A cloud in which all goes well: what a call matches, what it prints, its exit, how often (0: always)."""


@dataclass
class Cloud:
    """A copy of the scripts in a folder of its own, and tools that answer as they are told."""

    home: Path
    before: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Answers that come before those of `ALWAYS`."""

    def __post_init__(self) -> None:
        for folder in (
            "root/.venv/bin",
            "root/.venv-infra/tools/bin",
            "root/.venv-infra/audit/bin",
            "root/deploy",
            "bin",
            "bucket",
        ):
            (self.home / folder).mkdir(parents=True)
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "deploy" / "fingerprints", self.root / "deploy" / "fingerprints")
        tools = [self.home / "bin" / name for name in ("gcloud", "terraform", "docker", "make")]
        own = [self.root / ".venv" / "bin" / name for name in ("nextbeam", "python")]
        own.append(self.root / ".venv" / "bin" / "uv")
        own.append(self.root / ".venv-infra" / "tools" / "bin" / "cyclonedx-py")
        own.append(self.root / ".venv-infra" / "audit" / "bin" / "pip-audit")
        for path in [*tools, *own, self.root / "deploy" / "build.sh"]:
            path.write_text(_FAKE.replace("@python@", sys.executable).replace("@home@", str(self.home)))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def root(self) -> Path:
        """Where the scripts are."""
        return self.home / "root"

    def answers(self, pattern: str, out: str = "", code: int = 0, times: int = 0) -> None:
        """What to say to calls that match; the first that was told wins."""
        self.before.append((pattern, out, code, times))

    def put(self, name: str, text: str) -> None:
        """An object in the bucket of releases."""
        path = self.home / "bucket" / "bank-releases" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def stored(self, name: str) -> str | None:
        """The object, if it is there."""
        path = self.home / "bucket" / "bank-releases" / name
        return path.read_text() if path.is_file() else None

    def calls(self, pattern: str = "") -> list[str]:
        """What was called, in order."""
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.is_file() else []
        return [line for line in lines if re.search(pattern, line)]

    def script(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one script."""
        lines = [
            "|".join([pattern, out.replace("\n", "\\n"), str(code), str(times)])
            for pattern, out, code, times in [*self.before, *ALWAYS]
        ]
        (self.home / "answers").write_text("\n".join(lines) + "\n")
        path = f"{self.home / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            command,
            cwd=self.root,
            env={"PATH": path, "LC_ALL": "C", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@dataclass
class Run:
    """A build that has run: its steps in order, with their exits."""

    steps: list[tuple[str, int]]
    passed: bool
    said: str

    @property
    def names(self) -> list[str]:
        """The steps that ran."""
        return [name for name, _ in self.steps]


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], ""), text)


def run_build(cloud: Cloud, file: Path, **more: str) -> Run:
    """Run a build's steps as Cloud Build would: a step that fails ends it, unless it may fail."""
    build: dict[str, Any] = yaml.safe_load(file.read_text())
    values = {**build.get("substitutions", {}), **SUBSTITUTIONS, **BUILT_IN, **more}
    given = [_filled(each, values) for each in build["options"].get("env", [])]
    environment = dict(each.split("=", 1) for each in given) | QUICK
    steps = {step["id"]: step for step in build["steps"]}
    waits = {name: [each for each in step["waitFor"] if each != "-"] for name, step in steps.items()}
    run = Run([], passed=True, said="")
    for name in TopologicalSorter(waits).static_order():
        step = steps[name]
        command = [step["entrypoint"], *(_filled(each, values) for each in step.get("args", []))]
        own = {**environment, "HOME": os.fspath(cloud.home)}
        done = cloud.script(*command, **own)
        run.steps.append((name, done.returncode))
        run.said += done.stdout + done.stderr
        if done.returncode and not step.get("allowFailure"):
            run.passed = False
            break
    return run
