"""The flags of a job for Dataflow, parsed, settled and checked: those of the launcher, of a check and of a launch."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from pipelines.deploy.settings import check, on_dataflow, settle
from pipelines.flags import add_arguments
from pipelines.locate import UsageError
from pipelines.options import beam_options
from pipelines.stream_flags import StreamConfig, add_stream_arguments


@dataclass(frozen=True)
class JobFlags:
    """A job that is fit for Dataflow."""

    ours: argparse.Namespace
    """Our own flags, as parsed."""
    config: StreamConfig
    """Our own flags, checked."""
    options: PipelineOptions
    """Those of Beam, with what we set."""
    told: dict[str, Any]
    """Those of Beam that were given."""

    @classmethod
    def of(cls, flags: Sequence[str]) -> "JobFlags":
        """Parse, settle and check.

        Raises:
          UsageError: The job is not fit for Dataflow.
        """
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        add_arguments(parser)
        add_stream_arguments(parser)
        ours, rest = parser.parse_known_args(list(flags))
        if not any(flag.startswith("--runner") for flag in rest):
            rest = [*rest, "--runner=DataflowRunner"]
        try:
            options = beam_options(rest, streaming=True)
        except (
            AttributeError,
            TypeError,
            ValueError,
        ) as error:  # JSON of another shape than Beam takes for granted
            raise UsageError(f"a flag of Beam cannot be read: {error}") from error
        if not on_dataflow(options.view_as(StandardOptions).runner):
            raise UsageError("--runner: this is about jobs for DataflowRunner")
        told = options.get_all_options(drop_default=True)
        config = StreamConfig.of(ours, options.view_as(GoogleCloudOptions).project)
        settle(options)
        check(options, config)
        return cls(ours, config, options, told)
