"""What the arrays of a propensity model must be, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.propensity.artifact import Manifest

MOST_LEAVES = 64
"""Leaves of one tree: the scorer keeps them as the bits of one word."""

_LARGEST = 1e6
_REMEDY = "train it again and deploy the folder as written"
_FLOATS = frozenset({"weights", "bias", "threshold", "value", "baseline", "action_values"})

Arrays = Mapping[str, NDArray[np.generic]]


class ArtifactError(ValueError):
    """A model that must not be used: which field, which rule it breaks, and what to do."""

    def __init__(self, field: str, rule: str, remedy: str = _REMEDY) -> None:
        super().__init__(f"{field} {rule}; {remedy}")
        self.field, self.rule, self.remedy = field, rule, remedy


def check_arrays(manifest: Manifest, arrays: Arrays) -> None:
    """Refuse arrays that are not what the manifest says.

    Raises:
      ArtifactError: A name, type, shape, number or tree is wrong.
    """
    _check_unique("features", (*manifest.features, *manifest.action_features))
    _check_unique("actions", manifest.actions)
    shapes = _shapes(manifest, arrays)
    if set(arrays) != set(shapes):
        rule = f"are {', '.join(sorted(arrays))}; a {manifest.kind} model has {', '.join(sorted(shapes))}"
        raise ArtifactError("arrays", rule)
    for name, shape in shapes.items():
        _check_array(name, arrays[name], shape)
    if manifest.kind == "trees":
        _check_trees(arrays, len(manifest.features) + len(manifest.action_features))


def _shapes(manifest: Manifest, arrays: Arrays) -> dict[str, tuple[int, ...]]:
    actions, features = len(manifest.actions), len(manifest.features)
    if manifest.kind == "linear":
        return {"weights": (actions, features), "bias": (actions,)}
    nodes, trees = (arrays[name].size if name in arrays else 0 for name in ("feature", "roots"))
    per_node = dict.fromkeys(("feature", "threshold", "left", "right", "value"), (nodes,))
    rest = {"roots": (trees,), "baseline": (1,), "action_values": (actions, len(manifest.action_features))}
    return {**per_node, **rest}


def _check_unique(field: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ArtifactError(field, f"name {name!r} twice")
        seen.add(name)


def _check_array(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    dtype = np.dtype("<f8") if name in _FLOATS else np.dtype("<i4")
    if array.dtype != dtype:
        raise ArtifactError(name, f"has type {array.dtype.str}, not {dtype.str}")
    if array.shape != shape:
        raise ArtifactError(name, f"has shape {array.shape}, not {shape}")
    if name in _FLOATS and not bool(np.all(np.abs(array.astype(np.float64)) <= _limit(name))):
        raise ArtifactError(name, f"holds a number that is not finite or beyond {_limit(name):g}")


def _limit(name: str) -> float:
    """Log-odds beyond a million are a mistake; thresholds are as large as what they split."""
    return 1e300 if name in ("threshold", "action_values") else _LARGEST


def _check_trees(arrays: Arrays, columns: int) -> None:
    feature, left, right, roots = (
        arrays[name].astype(np.int64) for name in ("feature", "left", "right", "roots")
    )
    nodes, split = feature.size, feature >= 0
    if roots.size == 0 or roots[0] != 0 or np.any(np.diff(roots) <= 0) or roots[-1] >= nodes:
        raise ArtifactError("roots", "do not cut the nodes into trees")
    if np.any(feature < -1) or np.any(feature >= columns):
        raise ArtifactError("feature", f"names a column outside of 0 .. {columns - 1}")
    children = np.concatenate([left[split], right[split]])
    parents = np.tile(np.flatnonzero(split), 2)
    expected = np.setdiff1d(np.arange(nodes), roots)
    if not np.array_equal(np.sort(children), expected) or np.any(children <= parents):
        raise ArtifactError("left and right", "do not form trees: each node but a root is a later child once")
    tree = np.searchsorted(roots, np.arange(nodes), side="right")
    if np.any(tree[children] != tree[parents]):
        raise ArtifactError("left and right", "lead from one tree into another")
    most = int(np.bincount(tree[~split]).max())
    if most > MOST_LEAVES:
        raise ArtifactError("trees", f"have up to {most} leaves", f"train with at most {MOST_LEAVES} leaves")
