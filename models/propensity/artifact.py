"""The deployed form of a propensity model: a folder with `model.json` (manifest) and `arrays.npz` (numbers).

No code travels in it. It is checked as a whole when loaded: structure, shapes, bounds, and a digest over both
files, so that what a worker scores with is what was registered.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from models.plan.spec import EvidenceSpec
from models.propensity.checks import ArtifactError, check_arrays
from schemas.common import Count, Name

__all__ = ["Artifact", "ArtifactError", "Manifest", "Metrics", "Training", "load", "save", "seal"]

MANIFEST, ARRAYS = "model.json", "arrays.npz"
FORMAT = "nextbeam-propensity/1"
_MOST_BYTES = 256 * 2**20
_RETRAIN = "train it again and deploy the folder as written"

_NO_EVIDENCE = EvidenceSpec(responses=0, positives=0)

Share = Annotated[float, Meta(ge=0, le=1)]


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well predicted propensities fit responses that were not trained on."""

    responses: Count
    positives: Count
    rate: Annotated[Share, Meta(description="positives / responses.")]
    predicted: Annotated[Share, Meta(description="Mean predicted propensity.")]
    auc: Annotated[Share | None, Meta(description="Null if all responses are alike.")] = None
    log_loss: Annotated[float, Meta(ge=0, description="Mean, in nats.")]
    brier: Share
    calibration_error: Annotated[Share, Meta(description="ECE over up to ten bins of equal size.")]


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the numbers come from."""

    data: Annotated[str, Meta(description="SHA-256 of the training table.")]
    responses: Count
    customers: Count
    command: str
    seed: int
    created_by: Annotated[dict[str, str], Meta(description="Versions of what computed it.")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the arrays mean: `features` and `actions` name their axes, in order."""

    format: Literal["nextbeam-propensity/1"] = "nextbeam-propensity/1"
    kind: Literal["linear", "trees"]
    digest: Annotated[str, Meta(description="First 16 hex digits of SHA-256 over manifest and arrays.")] = ""
    features: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=10_000)]
    actions: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=10_000)]
    action_features: tuple[Name, ...] = ()
    """trees: columns after `features` that describe the action."""
    metrics: Metrics | None = None
    metrics_by_action: dict[Name, Metrics] = {}
    training: Training | None = None
    notes: str = ""
    learned_from: dict[Name, EvidenceSpec] | msgspec.UnsetType = msgspec.UNSET
    """Responses to each action that the model was fitted on; artefacts of before do not say."""


@dataclass(frozen=True, eq=False)
class Artifact:
    """A checked model. Its arrays cannot be written to.

    linear: `weights` (actions, features), `bias` (actions,): log-odds.
    trees: nodes of all trees in one sequence, parents before children: `feature` (nodes,), -1 at a leaf;
    `threshold`, `left`, `right` (nodes,): x <= threshold goes left; `value` (nodes,): log-odds of a leaf, the
    mean of the training rows below at a split; `roots` (trees,); `baseline` (1,); `action_values` (actions, K).
    """

    manifest: Manifest
    arrays: Mapping[str, NDArray[np.generic]]

    @property
    def digest(self) -> str:
        """Identifies the model: same digest, same scores."""
        return self.manifest.digest

    @property
    def evidence(self) -> dict[str, EvidenceSpec]:
        """Of every action that it scores: what it learned from; nothing, where the manifest does not say."""
        told = self.manifest.learned_from or {}
        return {action: told.get(action, _NO_EVIDENCE) for action in self.manifest.actions}

    def floats(self, name: str) -> NDArray[np.float64]:
        """The array called `name`, of numbers."""
        return self.arrays[name].astype(np.float64, copy=False)

    def integers(self, name: str) -> NDArray[np.int64]:
        """The array called `name`, of indices."""
        return self.arrays[name].astype(np.int64)


def seal(manifest: Manifest, arrays: Mapping[str, NDArray[np.generic]]) -> Artifact:
    """The artefact of these arrays, checked and with its digest.

    Raises:
      ArtifactError: Manifest and arrays do not fit each other.
    """
    frozen = {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    for array in frozen.values():
        array.flags.writeable = False
    check_arrays(manifest, frozen)
    return Artifact(msgspec.structs.replace(manifest, digest=_digest(manifest, frozen)), frozen)


def save(artifact: Artifact, folder: Path) -> None:
    """Write `model.json` and `arrays.npz`; the same artefact always gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(artifact.manifest), indent=1)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **artifact.arrays)
    (folder / ARRAYS).write_bytes(buffer.getvalue())
    (folder / MANIFEST).write_bytes(text + b"\n")


def load(folder: Path) -> Artifact:
    """The artefact in `folder`.

    Raises:
      ArtifactError: Anything is missing, malformed, out of bounds or not what was registered.
    """
    manifest = _read_manifest(folder)
    artifact = seal(manifest, _read_arrays(folder))
    if artifact.digest != manifest.digest:
        rule = f"says {manifest.digest!r}, but the files give {artifact.digest!r}: they were changed"
        raise ArtifactError(f"{folder / MANIFEST}: digest", rule, _RETRAIN)
    return artifact


def _digest(manifest: Manifest, arrays: Mapping[str, NDArray[np.generic]]) -> str:
    unsigned = msgspec.structs.replace(manifest, digest="")
    total = hashlib.sha256(msgspec.json.encode(unsigned, order="deterministic"))
    for name, array in sorted(arrays.items()):
        total.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
    except OSError as error:
        raise ArtifactError(
            str(path), f"cannot be read ({error.strerror})", "name a model's folder"
        ) from None
    if data is None:
        raise ArtifactError(str(path), f"has more than {_MOST_BYTES >> 20} MiB", "train a smaller model")
    return data


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(_read(path), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(str(path), f"is no manifest of format {FORMAT}: {error}", _RETRAIN) from None


def _read_arrays(folder: Path) -> dict[str, NDArray[np.generic]]:
    path = folder / ARRAYS
    data = io.BytesIO(_read(path))
    try:
        with zipfile.ZipFile(data) as members:
            if sum(member.file_size for member in members.infolist()) > _MOST_BYTES:
                raise ArtifactError(str(path), f"unpacks to more than {_MOST_BYTES >> 20} MiB", _RETRAIN)
        with np.load(data, allow_pickle=False) as arrays:  # pickled data would be code
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(str(path), f"is no archive of plain arrays: {error}", _RETRAIN) from None
