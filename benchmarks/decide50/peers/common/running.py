"""What the Beam peers run on."""

from apache_beam.options.pipeline_options import PipelineOptions


def options() -> PipelineOptions:
    """Beam's own Python runner, in this process, one thread."""
    return PipelineOptions(
        [
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
            "--direct_running_mode=in_memory",
            "--direct_num_workers=1",
            "--no_save_main_session",
        ]
    )
