"""What the schema of Cloud Build does not see in a build's description.

python -m scripts.builds.lint [FILE...]   # all of the repository without files
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

BUILT_IN = frozenset({
    "PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION", "TRIGGER_NAME", "COMMIT_SHA", "REVISION_ID", "SHORT_SHA",
    "REPO_NAME", "REPO_FULL_NAME", "BRANCH_NAME", "TAG_NAME", "REF_NAME", "TRIGGER_BUILD_CONFIG_PATH",
    "SERVICE_ACCOUNT_EMAIL", "SERVICE_ACCOUNT",
})  # fmt: skip
TOOLS = frozenset({"make"})
"""Entry points that are no script of ours."""
MOST_S = 24 * 3600

_USED = re.compile(r"(?<!\$)\$(?:\{(?P<braced>\w+)\}|(?P<bare>[A-Z_][A-Z0-9_]*))")
_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_ONE = re.compile(r"\$\{(?P<name>_[A-Z0-9_]+)\}")
_SECONDS = re.compile(r"(?P<seconds>\d+)(\.\d+)?s")
_SECRET = re.compile(
    r"-----BEGIN|AIza[\w-]{30}|ya29\.|\bgh[pousr]_\w{20}"
    r"|(?i:password|passwd|secret|token|api[_-]?key|credential)s?[\"']?\s*[=:]\s*[\"']?(?![$\"'\s])\S"
)
_NEED = re.compile(r"^\s*need (?P<names>[A-Z_ ]+)$", re.M)
_CALLS = re.compile(r"(?<![\w/.])(scripts/\w+\.sh)")

Build = Mapping[str, Any]
Rule = Callable[["Description"], Iterator[str]]


class Description:
    """A build's description, and where its scripts are."""

    def __init__(self, build: Build, root: Path = ROOT) -> None:
        self.build = build
        self.root = root

    @property
    def steps(self) -> Sequence[Build]:
        """Its steps."""
        return self.build.get("steps") or ()

    @cached_property
    def options(self) -> Build:
        """Its options."""
        return self.build.get("options") or {}

    @cached_property
    def declared(self) -> Mapping[str, str]:
        """Substitutions with their defaults."""
        return self.build.get("substitutions") or {}

    @cached_property
    def used(self) -> set[str]:
        """Substitutions that stand anywhere else."""
        rest = {key: value for key, value in self.build.items() if key != "substitutions"}
        return {each["braced"] or each["bare"] for text in texts(rest) for each in _USED.finditer(text)}

    @cached_property
    def environment(self) -> set[str]:
        """Names that every step finds in its environment."""
        return {each.partition("=")[0] for each in self.options.get("env") or ()}

    def scripts(self, step: Build) -> set[str]:
        """The script of a step and those that it calls."""
        found, left = set[str](), [str(step.get("entrypoint", ""))]
        while left:
            name = left.pop()
            path = self.root / name
            if name in found or not name.startswith("scripts/") or not path.is_file():
                continue
            found.add(name)
            code = "\n".join(line.partition("#")[0] for line in path.read_text("utf-8").splitlines())
            left += _CALLS.findall(code)
        return found


def texts(part: object) -> Iterator[str]:
    """All text in a part of a description."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from texts(value)


def unique_ids(of: Description) -> Iterator[str]:
    """Each step has an id of its own."""
    ids = [step.get("id") for step in of.steps]
    if None in ids:
        yield f"step {ids.index(None)} has no id"
    named = [each for each in ids if each is not None]
    yield from (f"two steps are called {each}" for each in sorted({e for e in named if named.count(e) > 1}))


def order(of: Description) -> Iterator[str]:
    """What steps wait for is there, and no step waits for itself; and each says what it waits for."""
    ids = {str(step.get("id")) for step in of.steps}
    graph = {}
    for step in of.steps:
        name, waits = str(step.get("id")), step.get("waitFor")
        if waits is None:
            yield f"{name} does not say what it waits for"
        graph[name] = {each for each in waits or () if each != "-"}
        yield from (f"{name} waits for {each}, which is no step" for each in sorted(graph[name] - ids))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"steps wait for each other: {' -> '.join(error.args[1])}"


def substitutions(of: Description) -> Iterator[str]:
    """Every substitution is declared, and every declared one used."""
    ours = {name for name in of.used if name.startswith("_")}
    yield from (f"${name} is declared nowhere" for name in sorted(ours - of.declared.keys()))
    yield from (f"${name} is declared and not used" for name in sorted(of.declared.keys() - ours))
    yield from (f"${name} is no substitution of Cloud Build" for name in sorted(of.used - ours - BUILT_IN))


def images(of: Description) -> Iterator[str]:
    """Images are named by digest, here or by the trigger: a default that is no digest would be a tag that moves."""
    for step in of.steps:
        name = str(step.get("name", ""))
        given = _ONE.fullmatch(name)
        default = of.declared.get(given["name"], "") if given else name
        if not ((given and not default) or _DIGEST.fullmatch(default)):
            yield f"{step.get('id')}: {name!r} is no image by digest"


def logs(of: Description) -> Iterator[str]:
    """A build with an account of its own has to say where its log goes, or it does not start."""
    if of.options.get("logging") not in {"CLOUD_LOGGING_ONLY", "NONE"} and "logsBucket" not in of.build:
        yield "it says no logging that works with a service account"


def timeouts(of: Description) -> Iterator[str]:
    """The build has a timeout, of a day at most, and no step one that is longer than the build's."""
    whole = _seconds(of.build.get("timeout"))
    if whole is None:
        yield "it has no timeout in seconds, e.g. 1800s"
        return
    if not 0 < whole <= MOST_S:
        yield f"a timeout of {whole} s is not within a day"
    for step in of.steps:
        if "timeout" not in step:
            continue
        own = _seconds(step["timeout"])
        if own is None or not 0 < own <= whole:
            yield f"{step.get('id')}: a timeout of {step['timeout']} does not fit the build's {whole} s"


def _seconds(text: object) -> int | None:
    found = _SECONDS.fullmatch(str(text))
    return int(found["seconds"]) if found else None


def secrets(of: Description) -> Iterator[str]:
    """No secret stands in it: arguments and environments are in logs."""
    for step in of.steps:
        if any(_SECRET.search(text) for text in texts(step)):
            yield f"{step.get('id')}: that looks like a secret; take it from Secret Manager in the script"
    rest = {key: value for key, value in of.build.items() if key != "steps"}
    if any(_SECRET.search(text) for text in [*texts(rest), *(f"{k}={v}" for k, v in of.declared.items())]):
        yield "there is what looks like a secret"


def entry_points(of: Description) -> Iterator[str]:
    """Every step calls a script that is there and can be run; commands in a description are run nowhere else."""
    for step in of.steps:
        name = str(step.get("entrypoint", ""))
        if name in TOOLS:
            continue
        if not re.fullmatch(r"scripts/\w+\.sh", name) or step.get("script"):
            yield f"{step.get('id')} calls no script of scripts/"
        elif not (path := of.root / name).is_file() or not os.access(path, os.X_OK):
            yield f"{step.get('id')}: {name} is not there, or not executable"


def needs(of: Description) -> Iterator[str]:
    """What scripts need of the environment is in it."""
    for step in of.steps:
        own = of.environment | {each.partition("=")[0] for each in step.get("env") or ()}
        for name in sorted(of.scripts(step)):
            asked = {
                each for line in _NEED.findall((of.root / name).read_text("utf-8")) for each in line.split()
            }
            optional = _only_for_others(name, step)
            yield from (f"{step.get('id')}: {name} needs {each}" for each in sorted(asked - own - optional))


def _only_for_others(script: str, step: Build) -> set[str]:
    """What a script needs only where it is asked to do something else."""
    only = {"scripts/launch.sh": {"shadow": {"SHADOW_DATASET"}}}.get(script, {})
    return {
        name for argument, names in only.items() if argument not in (step.get("args") or ()) for name in names
    }


def failures(of: Description) -> Iterator[str]:
    """A step that may fail is not the last word: another one waits for it, and may not."""
    waited = {each for step in of.steps for each in step.get("waitFor") or ()}
    for step in of.steps:
        if step.get("allowFailure") and step.get("id") not in waited:
            yield f"{step.get('id')} may fail, and nothing looks at it"


RULES: tuple[Rule, ...] = (
    unique_ids, order, substitutions, images, logs, timeouts, secrets, entry_points, needs, failures,
)  # fmt: skip


def findings(build: Build, root: Path = ROOT) -> list[str]:
    """What is wrong with a description; empty: nothing."""
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(Description(build, root))]


def descriptions(root: Path = ROOT) -> list[Path]:
    """Those of the repository."""
    return [root / "cloudbuild.yaml", *sorted((root / "deploy" / "cloudbuild").glob("*.yaml"))]


def main(argv: Sequence[str]) -> int:
    """1: something is wrong."""
    found = [
        f"{path}: {line}"
        for path in [Path(name) for name in argv] or descriptions()
        for line in findings(yaml.safe_load(path.read_text("utf-8")))
    ]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
