"""Seal: what leaves for the sinks carries a digest of itself."""

from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.audit.seals import sealed


class Seal(beam.PTransform[PCollection[Any], PCollection[Any]]):
    """Decisions or feedback with their seals. The last step before the sinks: nothing is added after it.

    Args:
      contract: Decision or Feedback.
    """

    def __init__(self, contract: type) -> None:
        super().__init__()
        self._contract = contract

    def expand(self, records: PCollection[Any]) -> PCollection[Any]:
        """One pure function."""
        return records | "Seal" >> beam.Map(sealed).with_output_types(self._contract)
