"""Metrics in the text format of Prometheus."""

from collections.abc import Mapping

from models.observability.metrics import METRICS, NAMESPACE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(counted: Mapping[str, int]) -> str:
    """Every metric of the table with what it is now; those that never counted are 0.

    Raises:
      KeyError: A name that the table does not have.
    """
    strangers = counted.keys() - METRICS.keys()
    if strangers:
        raise KeyError(f"no metrics of the table: {', '.join(sorted(strangers))}")
    lines = []
    for name, metric in METRICS.items():
        full = f"{NAMESPACE}_{name}"
        lines += [f"# HELP {full} {_escaped(metric.counts)}", f"# TYPE {full} {metric.kind}"]
        lines.append(f"{full} {counted.get(name, 0)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
