"""Beam's counters for the table of metrics (`models.observability.metrics`): nothing is counted under another name.

Of a finished run, `read - skipped = rejected + decided + observed + duplicates + dead letters`. The streaming direct
runner as it comes keeps of each step only what its first bundle counted; other runners keep all.
"""

from collections.abc import Mapping
from typing import Any

from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.metrics.metricbase import Counter
from apache_beam.runners.runner import PipelineResult

from models.folds import Counted, Noticed
from models.observability import metrics
from models.observability.ladders import Ladder
from models.observability.metrics import ACCOUNTED, METRICS, NAMESPACE, NOTICED


def counter(name: str) -> Counter:
    """The counter of a metric.

    Raises:
      KeyError: The table does not know it.
    """
    return Metrics.counter(NAMESPACE, METRICS[name].name)


ACCOUNTS: Mapping[Counted, Counter] = {counted: counter(name) for counted, name in ACCOUNTED.items()}
NOTICES: Mapping[Noticed, Counter] = {noticed: counter(name) for noticed, name in NOTICED.items()}
HEARTBEATS_ANSWERED: Counter = counter(metrics.HEARTBEATS_ANSWERED)
STATE_UNREADABLE: Counter = counter(metrics.STATE_UNREADABLE)
ROWS_REFUSED: Counter = counter(metrics.ROWS_REFUSED)
UNPUBLISHED: Counter = counter(metrics.MESSAGES_REFUSED)
BIGQUERY_RETRIES: Counter = counter(metrics.SINK_RETRIES)
PLAN_RELOADED: Counter = counter(metrics.PLAN_RELOADED)
PLAN_REFUSED: Counter = counter(metrics.PLAN_REFUSED)


class Counts:
    """Counts that are kept per bundle and told to their counters once at its end: `Counter.inc` finds its cell anew.

    Args:
      counters: By what is counted.
    """

    def __init__(self, counters: Mapping[Any, Counter]) -> None:
        self._counters = counters
        self.start()

    def start(self) -> None:
        """Begin a bundle; what one that failed has kept is gone, as are its counters."""
        self._kept = dict.fromkeys(self._counters, 0)

    def add(self, what: Any) -> None:
        """One more."""
        self._kept[what] += 1

    def count(self) -> None:
        """End a bundle. What was never counted has no counter."""
        for what, count in self._kept.items():
            if count:
                self._counters[what].inc(count)
        self.start()


class Rungs:
    """Climbs a ladder: values are kept per bundle and counted once at its end, so that one costs next to nothing.

    Args:
      ladder: Its metrics are the counters.
    """

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._counters = {name: counter(name) for name in ladder.names()}
        self.start()

    def start(self) -> None:
        """Begin a bundle; what one that failed has kept is gone, as are its counters."""
        self._places = [0] * (len(self._ladder.bounds) + 1)

    def add(self, value: float) -> None:
        """One more value, in the unit of the ladder."""
        self._places[self._ladder.place(value)] += 1

    def count(self) -> None:
        """End a bundle."""
        for name, count in self._ladder.added(self._places).items():
            self._counters[name].inc(count)


def counted(result: PipelineResult) -> dict[str, int]:
    """All metrics of a job as they are now, by name; those that never counted are 0."""
    totals = dict.fromkeys(METRICS, 0)
    for found in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        totals[found.key.metric.name] += found.result
    return totals


def accounted(result: PipelineResult) -> dict[Counted, int]:
    """How many events of a finished run were accounted for in each way."""
    totals = counted(result)
    return {way: totals[name] for way, name in ACCOUNTED.items()}
