"""The leaves of boosted trees, from left to right, and the way to each of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.propensity.artifact import Artifact


@dataclass(frozen=True, eq=False, slots=True)
class Leaves:
    """All leaves, tree by tree and from left to right within a tree."""

    value: NDArray[np.float64]
    """Log-odds that a leaf adds (L,)."""
    starts: NDArray[np.int64]
    """First leaf of each tree (T,)."""
    keep: NDArray[np.uint64]
    """Per node: the leaves of its tree, as bits, that are left when it sends a row right."""
    tree_of_node: NDArray[np.int64]
    path_column: NDArray[np.int64]
    """(L, depth): the column each split on the way looks at; `columns` where the way is shorter."""
    path_change: NDArray[np.float64]
    """(L, depth): how much the mean changes there."""
    columns: int
    means: float
    """Sum of the trees' means over their training rows."""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of all trees as plain lists: they are visited one by one."""

    feature: list[int]
    left: list[int]
    right: list[int]
    value: list[float]

    def tree(
        self, root: int
    ) -> tuple[list[int], dict[int, tuple[int, int]], dict[int, list[tuple[int, float]]]]:
        """Leaves from left to right, the leaf numbers left of each split, and the path to each leaf."""
        order: list[int] = []
        spans: dict[int, tuple[int, int]] = {}
        paths: dict[int, list[tuple[int, float]]] = {root: []}
        ahead = [(root, False)]
        while ahead:  # not recursive: a tree of 64 leaves may be a chain
            node, left_done = ahead.pop()
            if left_done:
                spans[node] = (spans[node][0], len(order))
            elif self.feature[node] < 0:
                order.append(node)
            else:
                spans[node] = (len(order), 0)
                ahead += [(self.right[node], False), (node, True), (self.left[node], False)]
                for child in (self.left[node], self.right[node]):
                    change = (self.feature[node], self.value[child] - self.value[node])
                    paths[child] = [*paths[node], change]
        return order, spans, {leaf: paths[leaf] for leaf in order}


def leaves_of(artifact: Artifact) -> Leaves:
    """Number the leaves of a model of kind trees."""
    columns = len(artifact.manifest.features) + len(artifact.manifest.action_features)
    feature, value, roots = artifact.integers("feature"), artifact.floats("value"), artifact.integers("roots")
    left, right = artifact.integers("left").tolist(), artifact.integers("right").tolist()
    nodes = _Nodes(feature.tolist(), left, right, value.tolist())
    keep = np.full(feature.size, 2**64 - 1, np.uint64)
    leaves: list[int] = []
    starts: list[int] = []
    paths: list[list[tuple[int, float]]] = []
    for root in roots.tolist():
        order, spans, path = nodes.tree(root)
        starts.append(len(leaves))
        leaves += order
        paths += path.values()
        for node, (first, end) in spans.items():
            keep[node] = 2**64 - 1 - ((1 << end) - (1 << first))
    depth = max(1, *(len(path) for path in paths))
    padded = [path + [(columns, 0.0)] * (depth - len(path)) for path in paths]
    return Leaves(
        value=value[leaves],
        starts=np.array(starts),
        keep=keep,
        tree_of_node=np.searchsorted(roots, np.arange(feature.size), side="right") - 1,
        path_column=np.array([[column for column, _ in path] for path in padded]),
        path_change=np.array([[change for _, change in path] for path in padded]),
        columns=columns,
        means=float(value[roots].sum()),
    )
