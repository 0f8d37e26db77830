"""Every counter of the graph, by name: what dashboards, alerts and the run summary may rely on.

| namespace         | counter         | counts                                                      |
|-------------------|-----------------|-------------------------------------------------------------|
| signals, outcomes | read            | payloads that came in                                       |
| signals, outcomes | rejected        | payloads that could not be decoded: dead letters            |
| signals, outcomes | rejected_REASON | those of them with this reason code                         |
| signals           | skipped         | rows that the import mapping leaves out by its own rule     |
| accounting        | decided         | events that asked for a decision and got one                |
| accounting        | observed        | events that were recorded                                   |
| accounting        | duplicates      | events dropped as seen before                               |
| accounting        | dead_letters    | events refused after decoding, with a reason                |
| state             | unreadable      | events and timers that met a state nobody could decode      |
| sinks             | rows_refused    | rows that BigQuery did not or would not take: dead letters  |
| sinks             | unpublished     | records too large for a message: dead letters               |
| sinks             | retries         | requests to BigQuery that were tried again                  |
| plan              | reloaded        | plans that took the place of another while running          |
| plan              | refused         | plans that were not good enough to                          |

The streaming direct runner keeps of each step only what its first bundle counted; other runners keep all. Of a
finished run, `read - skipped = rejected + decided + observed + duplicates + dead_letters`.
"""

from collections.abc import Mapping

from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.metrics.metricbase import Counter
from apache_beam.runners.runner import PipelineResult

from models.folds import Counted

ACCOUNTING = "accounting"

ACCOUNTS: Mapping[Counted, Counter] = {
    counted: Metrics.counter(ACCOUNTING, counted.value) for counted in Counted
}
STATE_UNREADABLE: Counter = Metrics.counter("state", "unreadable")
ROWS_REFUSED: Counter = Metrics.counter("sinks", "rows_refused")
UNPUBLISHED: Counter = Metrics.counter("sinks", "unpublished")
BIGQUERY_RETRIES: Counter = Metrics.counter("sinks", "retries")
PLAN_RELOADED: Counter = Metrics.counter("plan", "reloaded")
PLAN_REFUSED: Counter = Metrics.counter("plan", "refused")


def accounted(result: PipelineResult) -> dict[Counted, int]:
    """How many events of a finished run were accounted for in each way."""
    counts = dict.fromkeys(Counted, 0)
    found = result.metrics().query(MetricsFilter().with_namespace(ACCOUNTING))
    for counter in found["counters"]:
        counts[Counted(counter.key.metric.name)] += counter.result
    return counts
