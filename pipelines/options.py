"""Beam's options out of the flags that are not ours, with the local runner pinned."""

import argparse
from collections.abc import Sequence
from typing import Any, TypeVar

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from models.plan.wording import nearest
from pipelines.flags import add_arguments
from pipelines.locate import UsageError

_LOCAL = ["--runner=FnApiRunner"]

Options = TypeVar("Options", bound=PipelineOptions)


class _RunOptions(PipelineOptions):
    """Options whose views are made once: as a graph is built Beam asks for the same one several hundred times.

    It makes a parser for each. All views of the same options hold the same values.
    """

    def view_as(self, cls: type[Options]) -> Options:
        """The view that was made for the first who asked."""
        views: dict[type[PipelineOptions], Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: Options = views[cls]
        return view

    def __getstate__(self) -> dict[str, Any]:
        """Without the views: a copy has values, and views, of its own."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name != "_views"}


def beam_options(flags: Sequence[str], *, streaming: bool = False) -> PipelineOptions:
    """Beam's options out of the flags that are not ours; the local runner is pinned.

    Plain DirectRunner would first try to download another runner, without a time-out.

    Raises:
      UsageError: A flag is neither ours nor Beam's, or its value is of the wrong kind.
    """
    if not flags and not streaming:
        return _RunOptions(_LOCAL)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    seen: set[str] = set()
    for options in _all_options(PipelineOptions):
        _merge(parser, options, seen)
    flags = [plain for flag in flags for plain in _plain(flag, parser)]
    try:
        known, unknown = parser.parse_known_args(flags)
    except argparse.ArgumentError as error:
        raise UsageError(f"{error.argument_name}: {error.message}; see Beam's documentation") from error
    if unknown:
        close = nearest(unknown[0].partition("=")[0], [*_ours(), *parser._option_string_actions])
        hint = (
            f"did you mean {close}?"
            if close
            else "`nextbeam run --help` lists ours, Beam's documentation Beam's"
        )
        raise UsageError(f"unknown option {unknown[0]!r}; {hint}")
    pinned = list(flags)
    if known.runner in (None, "DirectRunner"):
        if streaming:
            pinned += ["--runner=BundleBasedDirectRunner", "--streaming"]
        elif not _needs_direct(known):
            pinned += _LOCAL
    elif streaming:
        pinned += ["--streaming"]
    return PipelineOptions(pinned)


def _ours() -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return list(parser._option_string_actions)


def _plain(flag: str, parser: argparse.ArgumentParser) -> list[str]:
    """A switch without its value: templates know no switch, and say `--use_public_ips=false`."""
    name, _, value = flag.partition("=")
    action = parser._option_string_actions.get(name)
    if action is None or action.nargs != 0 or value.lower() not in ("true", "false"):
        return [flag]
    if value.lower() == "true":
        return [name]
    opposite = [each for each in parser._actions if each.dest == action.dest and each.const != action.const]
    return [each.option_strings[0] for each in opposite]


def _needs_direct(known: argparse.Namespace) -> bool:
    """DirectRunner hands the options to worker processes, FnApiRunner does not."""
    return getattr(known, "direct_running_mode", None) in ("multi_processing", "multi_threading")


def _all_options(root: type[PipelineOptions]) -> list[type[PipelineOptions]]:
    found = []
    for options in root.__subclasses__():
        found += [options, *_all_options(options)]
    return found


def _merge(parser: argparse.ArgumentParser, options: type[PipelineOptions], seen: set[str]) -> None:
    if options.__name__ in seen:
        return
    seen.add(options.__name__)
    own = _BeamArgumentParser(add_help=False, conflict_handler="resolve")
    options._add_argparse_args(own)
    for action in own._actions:
        if not any(flag in parser._option_string_actions for flag in action.option_strings):
            parser._add_action(action)
