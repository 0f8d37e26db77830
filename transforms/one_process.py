"""Whether a pipeline runs in one process, for what only one process can keep."""

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions

_LOCAL = {"BundleBasedDirectRunner", "DirectRunner", "FnApiRunner", "SwitchingDirectRunner"}
_ONE_PROCESS = {"in_memory", "multi_threading"}


def check_one_process(pipeline: beam.Pipeline) -> None:
    """Refuse to share capacity among processes: each would spend all of it.

    Raises:
      ValueError: The runner, or the number of its workers, makes several processes.
    """
    runner = type(pipeline.runner).__name__
    direct = pipeline.options.view_as(DirectOptions)
    if runner not in _LOCAL:
        raise ValueError(
            f"volume constraints on unbounded input are kept by one process, and {runner} has many: each would "
            "spend the whole capacity; see docs/adr/20261121-volume-constraints.md, or take them out of the plan"
        )
    if direct.direct_running_mode not in _ONE_PROCESS and direct.direct_num_workers != 1:
        raise ValueError(
            f"volume constraints on unbounded input are kept by one process, not by {direct.direct_num_workers}; "
            "leave out --direct_num_workers"
        )
