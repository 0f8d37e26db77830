"""WriteBigQuery: contracts to a table; what the table would not take, or did not, becomes a dead letter."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.utils.timestamp import Timestamp
from google.api_core.exceptions import ClientError, GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import Timeout

from schemas import DeadLetter, Decision, Feedback, Reason, SessionContext
from schemas.derivation.formats import bigquery_columns
from schemas.event_time import event_time
from schemas.row_check import record_check
from schemas.rows import Row, json_rows, rows
from transforms import tally
from transforms.bigquery_client import Connect
from transforms.commit import Commit
from transforms.discreet import Discreet, DiscreetFn, StepError
from transforms.logs import tell
from transforms.metrics import BIGQUERY_RETRIES, ROWS_REFUSED

Method = Literal["storage_write_api", "streaming_inserts"]

_BATCH_ROWS, _BATCH_BYTES = 500, 5_000_000
MAX_ROW_BYTES = 9_000_000
"""A request is limited to 10 MB; the rest is for what surrounds a row."""
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_ABOUT_ROWS = frozenset({400, 413})
_ONCE = Retry(predicate=lambda _: False)
"""The client's own tries would hide from us how long the service is away."""


class WriteBigQuery(beam.PTransform[PCollection[Any], PCollection[DeadLetter]]):
    """Records of one contract to a table that is there already; yields a dead letter for each row refused.

    A row is checked against the derived schema before it gets near the table, so one bad row neither blocks nor loops.
    It is committed before it is sent, so a table holds no decision that the job did not come to, and a table that is
    away does not hold up decisions: docs/adr/20261121-rows-after-commit.md.

    `storage_write_api` is Beam's sink with at least once; it needs Java where the job is launched and in its workers.
    `streaming_inserts` is one request per bundle, with the record's own id as insert id where it has one, so that a
    bundle that is tried again is not written again (best effort, about a minute). While the service is away it waits,
    and so do those who feed it; after `patience_s` the bundle fails. Views drop what is there twice.

    Args:
      contract: Decision, Feedback, SessionContext or DeadLetter.
      table: `project.dataset.table`.
      method: How to write.
      step: Name that dead letters carry.
      connect: Makes the client, for `streaming_inserts`.
      patience_s: How long to wait for a service that is away.
    """

    def __init__(
        self,
        contract: type[msgspec.Struct],
        table: str,
        *,
        method: Method,
        step: str,
        connect: Connect | None = None,
        patience_s: float = 900.0,
    ) -> None:
        super().__init__()
        self._contract = contract
        self._table = table
        self._method = method
        self._step = step
        self._insert = _InsertFn(contract, table, step, connect or Connect(), patience_s)

    def expand(self, records: PCollection[Any]) -> PCollection[DeadLetter]:
        """Check, commit, then write."""
        checked = records | "Check" >> beam.ParDo(_CheckFn(self._contract, self._step)).with_output_types(
            self._contract, refused=DeadLetter
        ).with_outputs("refused", main="sound")
        sound = checked.sound | "Commit" >> Commit(self._contract)
        if self._method == "streaming_inserts":
            refused = sound | "Insert" >> beam.ParDo(self._insert).with_output_types(DeadLetter)
        else:
            refused = sound | "Append" >> _Append(self._contract, self._table, self._step)
        return (checked.refused, refused) | "Refused" >> beam.Flatten()


class _CheckFn(DiscreetFn):
    """Beam adapter for `record_check`."""

    def __init__(self, contract: type[msgspec.Struct], step: str) -> None:
        self._contract = contract
        self._step = step

    def setup(self) -> None:
        self._fault = record_check(self._contract)

    def process(self, record: Any) -> Iterator[Any]:
        fault = self._fault(record)
        if fault is None:
            yield record
        else:
            yield TaggedOutput("refused", _refusal(record, Reason.ROW_INVALID, fault, self._step))


def _refusal(record: Any, reason: Reason, detail: str, step: str) -> DeadLetter:
    ROWS_REFUSED.inc()
    at = event_time(record)  # it may be what is wrong with the record
    return DeadLetter.of(
        _json(record),
        reason=reason,
        step=step,
        detail=detail,
        occurred_at=at if isinstance(at, datetime) and at.tzinfo is not None else None,
        customer_id=getattr(record, "customer_id", None),
    )


def _json(record: Any) -> bytes:
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:  # text that no sink can write is why it is here
        return repr(record).encode(errors="backslashreplace")


class _Pending(NamedTuple):
    """A record on its way, as its row in JSON."""

    record: Any
    row: Row
    key: str


class _InsertFn(DiscreetFn):
    """Beam adapter for insertAll: the rows of a bundle in as few requests as may be."""

    def __init__(
        self, contract: type[msgspec.Struct], table: str, step: str, connect: Connect, patience_s: float
    ) -> None:
        self._contract = contract
        self._table = table
        self._step = step
        self._connect = connect
        self._patience_s = patience_s

    def setup(self) -> None:
        self._row = json_rows(self._contract)
        self._client = self._connect(self._table.split(".", 1)[0])
        self._retry = Retry(
            predicate=_transient, initial=0.5, maximum=30.0, timeout=self._patience_s, on_error=self._waiting
        )

    def start_bundle(self) -> None:
        self._pending: list[_Pending] = []
        self._bytes = 0

    def process(self, record: Any) -> Iterator[DeadLetter]:
        row = self._row(record)
        size = len(msgspec.json.encode(row))
        if size > MAX_ROW_BYTES:
            yield _refusal(
                record, Reason.ROW_INVALID, f"a row holds at most {MAX_ROW_BYTES} bytes", self._step
            )
            return
        if self._pending and (len(self._pending) == _BATCH_ROWS or self._bytes + size > _BATCH_BYTES):
            yield from self._flush()
        self._pending.append(_Pending(record, row, _insert_id(record)))
        self._bytes += size

    def finish_bundle(self) -> Iterator[Any]:
        for letter in self._flush():
            yield beam.transforms.window.GlobalWindows.windowed_value(letter)

    def _flush(self) -> list[DeadLetter]:
        pending, self._pending, self._bytes = self._pending, [], 0
        letters = []
        while pending:
            refused = self._request(pending)
            bad = {index for index, why in refused.items() if why is not None}
            if not bad and refused:  # the service names nobody: nothing would change
                raise StepError(f"{self._table}: rows were not taken, without a reason")
            letters += [
                _refusal(pending[index].record, Reason.ROW_REJECTED, str(refused[index]), self._step)
                for index in sorted(bad)
            ]
            pending = [each for index, each in enumerate(pending) if index in refused and index not in bad]
        return letters

    def _request(self, pending: Sequence[_Pending]) -> dict[int, str | None]:
        """What was not taken: its position, and why; None for rows that only stood beside a bad one."""
        try:
            errors = self._retry(self._client.insert_rows_json)(
                self._table,
                [each.row for each in pending],
                row_ids=[each.key for each in pending],
                retry=_ONCE,
                timeout=60,
            )
        except ClientError as error:
            if error.code not in _ABOUT_ROWS:
                raise
            if len(pending) == 1:
                return {0: _about(error)}
            half = len(pending) // 2
            first, second = self._request(pending[:half]), self._request(pending[half:])
            return first | {half + index: why for index, why in second.items()}
        tally.add("inserted", len(pending) - len(errors))
        return {error["index"]: _reason(error["errors"]) for error in errors}

    def _waiting(self, error: Exception) -> None:
        BIGQUERY_RETRIES.inc()
        tell("sink_waiting", table=self._table, error=_about(error))


def _transient(error: Exception) -> bool:
    if isinstance(error, GoogleAPICallError):
        return error.code in _TRANSIENT
    return isinstance(error, NotConnected | Timeout) and not isinstance(error, RetryError)


def _about(error: Exception) -> str:
    """The kind of an error; its text may repeat values of the row."""
    code = getattr(error, "code", None)
    return type(error).__name__ + (f" {int(code)}" if code else "")


def _reason(errors: Iterable[dict[str, str]]) -> str | None:
    """Reason and column; never the message, which repeats values."""
    named = [
        f"{error.get('location') or 'row'}: {error.get('reason')}"
        for error in errors
        if error.get("reason") != "stopped"
    ]
    return "; ".join(named) or None


_IDS: dict[type, Callable[[Any], str]] = {
    Decision: lambda decision: decision.decision_id,
    Feedback: lambda feedback: feedback.feedback_id,
    SessionContext: lambda session: f"{session.session_id} {session.ended_at} {session.events}",
}


def _insert_id(record: Any) -> str:
    """What makes two rows one. Dead letters may be equal and still be two: their ids serve our own tries only."""
    own = _IDS.get(type(record))
    return hashlib.blake2b(own(record).encode(), digest_size=16).hexdigest() if own else uuid4().hex


class _Append(beam.PTransform[PCollection[Any], PCollection[DeadLetter]]):
    """Beam's sink for the Storage Write API, at least once."""

    def __init__(self, contract: type[msgspec.Struct], table: str, step: str) -> None:
        super().__init__()
        self._contract = contract
        self._table = table
        self._step = step

    def expand(self, records: PCollection[Any]) -> PCollection[DeadLetter]:
        """Rows as Beam's sink takes them; its failed rows come back as dead letters."""
        project, rest = self._table.split(".", 1)
        written = (
            records
            | "Row" >> beam.Map(Discreet(_beam_row), self._contract).with_output_types(dict[str, Any])
            | "Write"
            >> WriteToBigQuery(
                f"{project}:{rest}",
                schema={"fields": bigquery_columns(self._contract)},
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                method=WriteToBigQuery.Method.STORAGE_WRITE_API,
                use_at_least_once=True,
            )
        )
        return written.failed_rows_with_errors | "Failed" >> beam.Map(
            Discreet(_failed), self._step
        ).with_output_types(DeadLetter)


def _beam_row(record: Any, contract: type[msgspec.Struct]) -> Row:
    converted: Row = _stamped(rows(contract)(record))
    return converted


def _stamped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stamped(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_stamped(each) for each in value]
    return Timestamp.from_utc_datetime(value) if isinstance(value, datetime) else value


def _failed(failed: Any, step: str) -> DeadLetter:
    """The sink's own form of a failed row in our envelope."""
    ROWS_REFUSED.inc()
    return DeadLetter.of(
        msgspec.json.encode(failed.failed_row._asdict(), enc_hook=str),
        reason=Reason.ROW_REJECTED,
        step=step,
        detail="refused by BigQuery, whose message is left out: it may repeat values",
        occurred_at=None,
        customer_id=None,
    )
