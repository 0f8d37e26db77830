"""The feature table: names, order, units and transforms of every feature, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.features.check import check_features
from models.kernel import find
from models.plan.fields import feature_columns
from models.plan.spec import FeatureSpec, PlanSpec

RANKING = 1
"""Version of the compiled ranking, whose vectors these are."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Raw features by column, and how they become the input of a model.

    Attributes:
      columns: Names of the raw features, in the order of the plan.
      units: Aligned with `columns`.
      vector_columns: Names of those F that a model sees.
      picked: Their positions in `columns` (F,).
      low: Where each is clipped (F,), -inf: nowhere.
      high: Likewise (F,).
      clips: Whether any is clipped.
      scale: What each is multiplied with (F,).
      log: Positions in the vector of those whose logarithm is taken.
    """

    columns: tuple[str, ...]
    units: tuple[str, ...]
    vector_columns: tuple[str, ...]
    picked: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    clips: bool
    scale: NDArray[np.float64]
    log: NDArray[np.intp]

    @classmethod
    def of(cls, spec: PlanSpec) -> "FeatureTable":
        """The table of a plan.

        Raises:
          ValueError: A feature is not declared well; all findings are in the message.
        """
        findings = [f"{path}: {message}; {remedy}" for path, message, remedy in check_features(spec)]
        if findings:
            raise ValueError("\n".join(findings))
        features = [feature for feature in spec.features for _ in _columns_of(feature)]
        columns = feature_columns(spec)
        picked = [index for index, feature in enumerate(features) if feature.model]
        transforms = [features[index].transform for index in picked]
        clips = [transform.clip or (-np.inf, np.inf) for transform in transforms]
        return cls(
            columns=columns,
            units=tuple(feature.unit for feature in features),
            vector_columns=tuple(columns[index] for index in picked),
            picked=np.array(picked, dtype=np.intp),
            low=np.array([low for low, _ in clips], dtype=np.float64),
            high=np.array([high for _, high in clips], dtype=np.float64),
            clips=any(transform.clip for transform in transforms),
            scale=np.array([transform.scale for transform in transforms], dtype=np.float64),
            log=np.array([i for i, transform in enumerate(transforms) if transform.log1p], dtype=np.intp),
        )

    def vector(self, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Model input of raw values: clipped, then scaled, then log1p of what is above 0.

        Args:
          values: Raw features in the order of `columns`, shape (..., len(columns)).

        Returns:
          Shape (..., len(vector_columns)).
        """
        x = np.asarray(values, dtype=np.float64).take(self.picked, axis=-1)
        if self.clips:
            x = np.minimum(np.maximum(x, self.low), self.high)
        x *= self.scale
        x[..., self.log] = np.log1p(np.maximum(x.take(self.log, axis=-1), 0.0))
        return x


class Vectors(Protocol):
    """The part of a feature table that scoring needs."""

    @property
    def vector_columns(self) -> tuple[str, ...]:
        """Names of the model's inputs, in order."""

    def vector(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Model input (F,) from raw values."""


class LatestVector:
    """A feature table that remembers its latest vector: scoring and each reason look at the same one in turn."""

    def __init__(self, table: FeatureTable) -> None:
        self._table = table
        self._latest: tuple[Sequence[float] | None, NDArray[np.float64]] = (None, np.empty(0))

    @property
    def vector_columns(self) -> tuple[str, ...]:
        """Names of the model's inputs, in order."""
        return self._table.vector_columns

    def vector(self, values: Sequence[float]) -> NDArray[np.float64]:
        """As `FeatureTable.vector`, read-only. `values` are never changed, so the same object has the same vector."""
        known, vector = self._latest
        if known is not values:
            vector = self._table.vector(values)
            vector.setflags(write=False)
            self._latest = values, vector
        return vector


def remembering(table: FeatureTable) -> Vectors:
    """A feature table that remembers its latest vector, compiled where it can be."""
    kernel = find("ranking", RANKING)
    compiled: Vectors | None = kernel.Vectors(table) if kernel else None
    return compiled or LatestVector(table)


def _columns_of(feature: FeatureSpec) -> tuple[str, ...]:
    return feature.values if feature.kind == "one_hot" else (feature.name,)
