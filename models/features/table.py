"""The feature table: names, order, units and transforms of every feature, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features.check import check_features
from models.plan.fields import feature_columns
from models.plan.spec import FeatureSpec, PlanSpec


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Raw features by column, and how they become the input of a model.

    `columns` and `units` are aligned, in the order of the plan. `vector_columns` are those a model sees.
    """

    columns: tuple[str, ...]
    units: tuple[str, ...]
    vector_columns: tuple[str, ...]
    _picked: NDArray[np.intp]
    _low: NDArray[np.float64]
    _high: NDArray[np.float64]
    _clips: bool
    _scale: NDArray[np.float64]
    _log: NDArray[np.intp]

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
            _picked=np.array(picked, dtype=np.intp),
            _low=np.array([low for low, _ in clips], dtype=np.float64),
            _high=np.array([high for _, high in clips], dtype=np.float64),
            _clips=any(transform.clip for transform in transforms),
            _scale=np.array([transform.scale for transform in transforms], dtype=np.float64),
            _log=np.array([i for i, transform in enumerate(transforms) if transform.log1p], dtype=np.intp),
        )

    def vector(self, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Model input of raw values: clipped, then scaled, then log1p of what is above 0.

        Args:
          values: Raw features in the order of `columns`, shape (..., len(columns)).

        Returns:
          Shape (..., len(vector_columns)).
        """
        x = np.asarray(values, dtype=np.float64).take(self._picked, axis=-1)
        if self._clips:
            x = np.minimum(np.maximum(x, self._low), self._high)
        x *= self._scale
        x[..., self._log] = np.log1p(np.maximum(x.take(self._log, axis=-1), 0.0))
        return x


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


def _columns_of(feature: FeatureSpec) -> tuple[str, ...]:
    return feature.values if feature.kind == "one_hot" else (feature.name,)
