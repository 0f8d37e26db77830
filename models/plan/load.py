"""Loading a plan: read, merged, checked whole, with everything that is wrong said at once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.plan.canonical import canonical
from models.plan.checks import meaning_findings
from models.plan.findings import Finding, Mark, PlanError
from models.plan.merging import read_plan
from models.plan.salvage import salvaged
from models.plan.spec import PlanSpec
from models.plan.structure import Place, structure_findings

__all__ = ["Finding", "Loaded", "PlanError", "load_plan", "load_with_places", "reading_order"]


@dataclass(frozen=True)
class Loaded:
    """A plan that was found good."""

    spec: PlanSpec
    digest: str
    """First 16 hex digits of SHA-256 over `canonical`, hence over the model's digest too."""
    canonical: bytes
    """The plan as JSON, the model's digest filled in, defaults left out; `load_plan` can read it again."""
    folder: Path
    """What the model's path is relative to."""


def load_plan(path: Path) -> Loaded:
    """Load the plan at `path`: a YAML file, a folder with plan.yaml, or a snapshot in canonical JSON.

    A snapshot may be far from the model it was decided with; its stated model digest is then believed.

    Raises:
      PlanError: Something is wrong with the plan; says everything that is, by file and line.
    """
    return load_with_places(path)[0]


def load_with_places(path: Path) -> tuple[Loaded, Place]:
    """The plan as `load_plan` loads it, and where in its files everything is said.

    Raises:
      PlanError: Something is wrong with the plan; says everything that is, by file and line.
    """
    file = path / "plan.yaml" if path.is_dir() else path
    findings: list[Finding] = []
    root = Place.root(read_plan(file, findings))
    faulty = list(structure_findings(root, PlanSpec))
    findings += faulty
    usable = salvaged(root, len(faulty)) if faulty else root
    spec = _meaningful(usable, file, findings) if usable is not None else None
    if findings or spec is None:
        raise PlanError(tuple(sorted(dict.fromkeys(findings), key=reading_order(file))))
    said = canonical(spec)
    return Loaded(spec, hashlib.sha256(said).hexdigest()[:16], said, file.parent), root


def _meaningful(root: Place, file: Path, findings: list[Finding]) -> PlanSpec:
    assert root.node is not None
    spec = msgspec.convert(root.node.plain(), PlanSpec)
    findings += meaning_findings(spec, root)
    return _with_model_digest(spec, file, root / "model", findings)


def reading_order(plan: Path) -> Callable[[Finding], tuple[bool, Mark, str]]:
    """Sort key of findings: the plan's own file first, then the others by name; by line inside."""
    first = plan.as_posix()
    return lambda finding: (finding.mark.file != first, finding.mark, finding.path)


def _with_model_digest(spec: PlanSpec, file: Path, place: Place, findings: list[Finding]) -> PlanSpec:
    """The plan with the digest that its model's manifest states, if it has a model."""
    if spec.model is None or (file.suffix == ".json" and spec.model.digest):
        return spec
    try:
        digest = _manifest_digest(file.parent, spec.model.path)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        findings.append((place / "path").finding(message, remedy))
        return spec
    if spec.model.digest not in {None, digest}:
        message = f"the model's digest is {digest!r}, not {spec.model.digest!r}"
        findings.append((place / "digest").finding(message, "deploy the model meant, or correct the digest"))
    return msgspec.structs.replace(spec, model=msgspec.structs.replace(spec.model, digest=digest))


class _Manifest(msgspec.Struct):
    digest: str


def _manifest_digest(folder: Path, path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError(f"{path!r} leaves the plan's folder; put the model's folder next to the plan")
    manifest = folder / path / "model.json"
    try:
        return msgspec.json.decode(manifest.read_bytes(), type=_Manifest).digest
    except OSError as error:
        raise ValueError(f"no model in {path!r} ({error.strerror}); train it, or remove `model`") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}/model.json is no model ({error}); train it again") from None
