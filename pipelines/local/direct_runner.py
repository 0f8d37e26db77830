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
import warnings
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
from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.api_core.retry import Retry, if_exception_type
from google.cloud.pubsub_v1.types import PublisherOptions

from pipelines.provisioning.endpoints import Endpoints

_LOGGER = logging.getLogger(__name__)

BEAM_VERSION = "2.77.0"
"""The only version whose insides are known here."""

OFF = "NEXTBEAM_STOCK_DIRECT_RUNNER"
"""Set to anything, this environment variable leaves the runner as it comes."""

_PULL = 1000
_NAP_S, _LONGEST_NAP_S = 0.002, 0.02
_CALL_S = 20.0
_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_GONE_S = 300.0
"""How long something that was there may be missing before it is taken for gone."""
_PASSING = (
    ServiceUnavailable,
    DeadlineExceeded,
    InternalServerError,
    Aborted,
    Cancelled,
    ResourceExhausted,
    Unknown,
    RetryError,
    TimeoutError,
)
_RETRY = Retry(
    predicate=if_exception_type(*_PASSING), initial=_PAUSE_S, maximum=_LONGEST_PAUSE_S, timeout=60.0
)
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
    warnings.filterwarnings("ignore", message="The return_immediately flag is deprecated")
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
        _replace(_PubSubWriteDoFn, "_flush", _patient_flush),
    ]


def _replace(owner: Any, name: str, ours: Any) -> Callable[[], None]:
    theirs = getattr(owner, name)
    setattr(owner, name, ours)
    return lambda: setattr(owner, name, theirs)


class _Patience:
    """How to go on after a call of Pub/Sub that failed: wait a little longer each time, and say so once.

    A service that is away comes back, and nothing is lost meanwhile. That something which was there is not found may
    pass, too: an emulator that was restarted has forgotten everything until somebody makes it anew.
    """

    def __init__(self) -> None:
        self._worked = False
        self._pause = _PAUSE_S
        self._since: float | None = None

    def after(self, error: Exception, name: str) -> float:
        """Seconds to wait before the next try.

        Raises:
          Exception: The error, if there is no hope.
        """
        now = time.monotonic()
        if self._since is None:
            self._since, self._pause = now, _PAUSE_S
            _LOGGER.warning("%s: %s; trying again until it answers", name, _kind(error))
        missing = isinstance(error, NotFound)
        if not isinstance(error, _PASSING) and not missing:
            raise error
        if missing and not (self._worked and now < self._since + _GONE_S):
            raise error
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
        return pause

    def over(self, name: str) -> None:
        """A call was answered."""
        self._worked = True
        if self._since is not None:
            _LOGGER.warning("%s answers again after %.0f s", name, time.monotonic() - self._since)
            self._since = None


def _kind(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {int(code)}" if code else type(error).__name__


def _connect(self: Any) -> None:
    """A publisher's client whose own tries, unlike those it comes with, are never half a minute apart."""
    options = PublisherOptions(retry=_RETRY)
    self._pub_client = Endpoints.from_environment().publisher(publisher_options=options)
    self._topic = self._pub_client.topic_path(self.project, self.short_topic_name)


def _patient_flush(self: Any) -> None:
    """Publish what a bundle gathered, and again as long as Pub/Sub is away: a bundle that fails ends the job.

    What had been taken of it is published again, byte for byte: delivery is at least once.
    """
    patience = self.__dict__.setdefault("_patience", _Patience())
    while True:
        try:
            _STOCK_FLUSH(self)
        except (GoogleAPICallError, RetryError, TimeoutError) as error:
            time.sleep(patience.after(error, self._topic))
        else:
            if self._buffer == []:
                patience.over(self._topic)
            return


_STOCK_FLUSH = _PubSubWriteDoFn._flush


class _Inbox:
    """What one read of a pipeline remembers between bundles."""

    def __init__(self) -> None:
        self.client = Endpoints.from_environment().subscriber()
        self.unacknowledged: list[str] = []
        self.nap = _NAP_S
        self.heard = 0.0
        """When the service last answered, in seconds since the epoch."""
        self.patience = _Patience()


class _Reader(_PubSubReadEvaluator):
    """Pulls what there is, and acknowledges it when the pipeline has done all that follows from it.

    The runner asks a root for more only when nothing else is left to execute: then all that was pulled before has been
    decided, published and written, or has stopped the pipeline.
    """

    _inboxes: ClassVar[WeakKeyDictionary[Any, _Inbox]] = WeakKeyDictionary()

    def finish_bundle(self) -> TransformResult:
        """One pull; the watermark is the clock, as messages are stamped when they are published."""
        transform = self._applied_ptransform.transform
        inbox = self._inboxes.get(transform) or self._inboxes.setdefault(transform, _Inbox())
        try:
            received = self._pull(inbox)
        except GoogleAPICallError as error:
            time.sleep(inbox.patience.after(error, self._sub_name))
            return self._result([], inbox.heard)
        inbox.patience.over(self._sub_name)
        if received:
            inbox.nap = _NAP_S
        else:
            time.sleep(inbox.nap)
            inbox.nap = min(2 * inbox.nap, _LONGEST_NAP_S)
        return self._result([each.message for each in received], inbox.heard)

    def _pull(self, inbox: _Inbox) -> list[Any]:
        """Acknowledge what is done and get what there is, once; the client's own tries would hold up the pipeline."""
        client = inbox.client
        once = {"subscription": self._sub_name, "retry": None, "timeout": _CALL_S}
        if inbox.unacknowledged:
            client.acknowledge(ack_ids=inbox.unacknowledged, **once)
            inbox.unacknowledged = []
        asked = time.time()
        received = list(client.pull(max_messages=_PULL, return_immediately=True, **once).received_messages)
        inbox.unacknowledged = [each.ack_id for each in received]
        inbox.heard = asked
        return received

    def _result(self, messages: list[Any], asked: float) -> TransformResult:
        context = self._evaluation_context
        bundles = []
        if messages:
            [output] = self._outputs
            bundle = context.create_bundle(output)
            for message in messages:
                parsed = PubsubMessage._from_message(message)
                element = parsed if self.source.with_attributes else parsed.data
                stamp = Timestamp.from_utc_datetime(message.publish_time)
                bundle.output(GlobalWindows.windowed_value(element, timestamp=stamp))
            bundles = [bundle]
        begin = PBegin(cast("Any", self._applied_ptransform.transform).pipeline)  # a read has no other input
        return TransformResult(
            self, bundles, [context.create_bundle(begin)], None, {None: Timestamp.of(asked)}
        )


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
