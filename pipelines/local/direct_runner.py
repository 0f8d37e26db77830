"""Make Beam's streaming direct runner fit to read from Pub/Sub: quick, and nothing is lost when it is killed.

As it comes, it pulls ten messages at a time, waits 29 s on an idle subscription while all else waits too, acknowledges
before it processes, ends when Pub/Sub is away for a moment, builds every DoFn anew for each bundle, looks at every
timer of every key at every turn, and counts only first bundles. This module mends that from outside, through the
runner's own registry of evaluators and a few of its methods, for one version of Beam; with another version nothing is
touched and a warning says so.
"""

# mypy: disable-error-code="no-untyped-call"
# (what is called here are Beam's own insides)

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

import apache_beam
from apache_beam.internal import pickler
from apache_beam.io.gcp.pubsub import PubsubMessage, _PubSubWriteDoFn
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.runners.common import DoFnRunner, DoFnState, Receiver
from apache_beam.runners.direct import executor as executors
from apache_beam.runners.direct.direct_runner import _DirectReadFromPubSub
from apache_beam.runners.direct.direct_userstate import DirectUserStateContext
from apache_beam.runners.direct.evaluation_context import EvaluationContext
from apache_beam.runners.direct.transform_evaluator import (
    TransformEvaluatorRegistry,
    _ParDoEvaluator,
    _PubSubReadEvaluator,
    _TaggedReceivers,
)
from apache_beam.runners.direct.util import TransformResult
from apache_beam.runners.direct.watermark_manager import WatermarkManager
from apache_beam.transforms import core
from apache_beam.transforms.userstate import get_dofn_specs, is_stateful_dofn
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils import counters
from apache_beam.utils.timestamp import Timestamp
from google.api_core.datetime_helpers import DatetimeWithNanoseconds

from pipelines.local.mail import Inbox, Outbox
from pipelines.provisioning.calls import MOST_MESSAGES

_LOGGER = logging.getLogger(__name__)

BEAM_VERSION = "2.77.0"
"""The only version whose insides are known here."""

OFF = "NEXTBEAM_STOCK_DIRECT_RUNNER"
"""Set to anything, this environment variable leaves the runner as it comes."""

_SCAN_EVERY_S = 0.05
_SCAN_SHARE = 20
"""Timers are looked at for at most one twentieth of the time."""


@contextmanager
def fit_for_streaming() -> Iterator[bool]:
    """While open, pipelines that start on the streaming direct runner use what is here. Yields whether they do."""
    if os.environ.get(OFF):
        yield False
        return
    if apache_beam.__version__ != BEAM_VERSION:
        _LOGGER.warning(
            "Beam is %s and not %s: its streaming direct runner is left as it comes, and is slow with Pub/Sub",
            apache_beam.__version__,
            BEAM_VERSION,
        )
        yield False
        return
    undo = _install()
    try:
        yield True
    finally:
        for each in undo:
            each()


def _install() -> list[Callable[[], None]]:
    overrides = TransformEvaluatorRegistry._test_evaluators_overrides
    before = dict(overrides)
    overrides.update({_DirectReadFromPubSub: _Reader, core.ParDo: _ParDo})

    def restore() -> None:
        overrides.clear()
        overrides.update(before)

    return [
        _ParDo.forget,
        restore,
        _replace(EvaluationContext, "extract_all_timers", _timers_now_and_then),
        _replace(WatermarkManager, "extract_all_timers", _scan),
        _replace(TransformEvaluatorRegistry, "should_execute_serially", _remembered_serial),
        _replace(executors, "MetricsContainer", _BundleMetrics),
        _replace(_PubSubWriteDoFn, "setup", _connect),
        _replace(_PubSubWriteDoFn, "_flush", _flush),
        _replace(_PubSubWriteDoFn, "BUFFER_SIZE_ELEMENTS", MOST_MESSAGES),
    ]


def _replace(owner: Any, name: str, ours: Any) -> Callable[[], None]:
    theirs = getattr(owner, name)
    setattr(owner, name, ours)
    return lambda: setattr(owner, name, theirs)


def _connect(self: Any) -> None:
    self._outbox = Outbox()
    self._topic = f"projects/{self.project}/topics/{self.short_topic_name}"


def _flush(self: Any) -> None:
    """Publish what a bundle gathered, all of it in as few calls as possible."""
    self._outbox.publish(self._topic, self._buffer)
    self._buffer = []


class _Reader(_PubSubReadEvaluator):
    """Pulls what there is, and acknowledges it when the pipeline has done all that follows from it.

    The runner asks a root for more only when nothing else is left to execute: then all that was pulled before has been
    decided, published and written, or has stopped the pipeline.
    """

    _inboxes: ClassVar[WeakKeyDictionary[Any, Inbox]] = WeakKeyDictionary()

    def finish_bundle(self) -> TransformResult:
        """One pull; the watermark is the clock, as messages are stamped when they are published."""
        transform = self._applied_ptransform.transform
        inbox = self._inboxes.get(transform)
        if inbox is None:
            inbox = self._inboxes[transform] = Inbox(self._sub_name)
        messages = inbox.take()
        context = self._evaluation_context
        bundles = []
        if messages:
            [output] = self._outputs
            bundles = [context.create_bundle(output)]
            for message in messages:
                bundles[0].output(self._element(message))
        begin = PBegin(cast("Any", self._applied_ptransform.transform).pipeline)  # a read has no other input
        watermark = {None: Timestamp.of(inbox.heard)}
        return TransformResult(self, bundles, [context.create_bundle(begin)], None, watermark)

    def _element(self, message: Any) -> Any:
        element: Any = message.data
        if self.source.with_attributes:
            element = PubsubMessage._from_message(message)
            element.publish_time = DatetimeWithNanoseconds.from_timestamp_pb(message.publish_time)
        stamp = Timestamp(micros=message.publish_time.ToMicroseconds())
        return GlobalWindows.windowed_value(element, timestamp=stamp)


class _Forward(Receiver):
    """Where a kept DoFn's outputs go: to the bundle of the moment."""

    def __init__(self) -> None:
        self.bundle: Any = None

    def receive(self, element: Any) -> None:
        """Hand on."""
        self.bundle.receive(element)


class _Kept:
    """A DoFn that was set up once, and what Beam needs to call it."""

    def __init__(self, evaluator: "_ParDo") -> None:
        applied = evaluator._applied_ptransform
        transform: Any = applied.transform
        self.dofn = pickler.roundtrip(transform.dofn)
        self.receivers = _TaggedReceivers(evaluator._evaluation_context)
        for tag in applied.outputs:
            self.receivers[tag] = _Forward()
        self.key_coder: Any = None
        self.timers: dict[str, Any] = {}
        self.user_state: Any = None
        if is_stateful_dofn(self.dofn):
            self.key_coder = core.coders.registry.get_coder(applied.inputs[0].element_type).key_coder()
            self.user_state = DirectUserStateContext(evaluator._step_context, self.dofn, self.key_coder)
            self.timers = {f"user/{spec.name}": spec for spec in get_dofn_specs(self.dofn)[1]}
        self.runner = DoFnRunner(
            self.dofn,
            getattr(transform, "args", []),
            getattr(transform, "kwargs", {}),
            [],
            applied.inputs[0].windowing,
            tagged_receivers=self.receivers,
            step_name=applied.full_label,
            state=DoFnState(counters.CounterFactory()),
            user_state_context=self.user_state,
        )
        self.runner.setup()


class _ParDo(_ParDoEvaluator):
    """Keeps a DoFn from bundle to bundle, as other runners do; one that failed, or has side inputs, is built anew."""

    _kept: ClassVar[WeakKeyDictionary[Any, _Kept]] = WeakKeyDictionary()

    @classmethod
    def forget(cls) -> None:
        """Tear all down that is kept."""
        while cls._kept:
            cls._kept.popitem()[1].runner.teardown()

    def start_bundle(self) -> None:
        """Point the kept DoFn's outputs at new bundles."""
        if self._side_inputs or not self._perform_dofn_pickle_test:
            self._mine = False
            super().start_bundle()
            return
        self._mine = True
        transform = self._applied_ptransform.transform
        kept = self._kept.pop(transform, None) or _Kept(self)  # kept again once the bundle is done
        self._current = kept
        self._bundles = []
        for tag, forward in kept.receivers.items():
            output: PCollection[Any] = PCollection(cast("Any", None), tag=tag)
            output.producer = self._applied_ptransform
            forward.bundle = self._evaluation_context.create_bundle(output)
            forward.bundle.tag = tag
            self._bundles.append(forward.bundle)
        self.user_timer_map, self.key_coder = kept.timers, kept.key_coder
        self.user_state_context = kept.user_state
        if kept.user_state is not None:
            kept.user_state.step_context = self._step_context
        self.runner = kept.runner
        self.runner.start()

    def finish_bundle(self) -> TransformResult:
        """Commit the bundle's state and keep the DoFn."""
        if not self._mine:
            return super().finish_bundle()
        self.runner.finish()
        if self.user_state_context is not None:
            self.user_state_context.commit()
            self.user_state_context.reset()
        self._kept[self._applied_ptransform.transform] = self._current
        return TransformResult(self, self._bundles, [], None, None)


def _timers_now_and_then(self: Any) -> tuple[list[Any], bool]:
    """Timers that are due, looked for so seldom that it costs little however many keys there are."""
    now = time.monotonic()
    if now < getattr(self, "_next_scan", 0.0):
        return [], True
    found: tuple[list[Any], bool] = _STOCK_SCAN(self._watermark_manager)
    done = time.monotonic()
    self._next_scan = done + max(_SCAN_EVERY_S, _SCAN_SHARE * (done - now))
    return found


_STOCK_SCAN = WatermarkManager.extract_all_timers


def _scan(_: Any) -> tuple[list[Any], bool]:
    """For the runner's question whether it is done: what reads from Pub/Sub never is."""
    return [], True


_serial: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
_STOCK_SERIAL = TransformEvaluatorRegistry.should_execute_serially


def _remembered_serial(self: Any, applied: Any) -> bool:
    """Whether a step may run one bundle at a time only; found out once, as it takes an inspection of its DoFn."""
    known = _serial.get(applied)
    if known is None:
        known = _serial[applied] = bool(_STOCK_SERIAL(self, applied))
    return known


_counted: dict[str, dict[Any, Any]] = {}


class _BundleMetrics(MetricsContainer):
    """The counters of one bundle of a step.

    The runner's sampler keeps the first container that a step had, and all later bundles count into that one. So all
    containers of a step share their cells here, and each tells what was added since it was made.
    """

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.metrics = _counted.setdefault(step, {})
        self._before = dict(super().get_cumulative().counters)

    def get_cumulative(self) -> Any:
        """What this bundle counted; distributions and gauges are those of all bundles so far."""
        updates = super().get_cumulative()
        updates.counters = {key: value - self._before.get(key, 0) for key, value in updates.counters.items()}
        return updates
