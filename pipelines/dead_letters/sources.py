"""Where dead letters lie: the folder of a run, a table, or a subscription that hands them out."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import NamedTuple, Protocol

import msgspec
import pyarrow.parquet as pq

from models.dead_letters import Choice, Found, found
from models.plan.wording import listing
from pipelines.live.wire import StoppedError, Subscription
from pipelines.locate import UsageError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.records import parquet_files
from pipelines.whole import reading
from schemas import DeadLetter
from schemas.rows import from_row

_ROWS = 1_000
_AWAY_S = 20.0
_LEASE_S, _RENEW_S = 60, 20.0
_QUIET_PULLS = 2
"""So many empty answers in a row, and a subscription counts as empty."""


class Held(NamedTuple):
    """A letter, and what its source knows it by."""

    found: Found
    handle: str = ""


class Source(Protocol):
    """A place with dead letters."""

    name: str
    unreadable: int
    """What was there and is no dead letter."""

    def batches(self, choice: Choice) -> Iterator[list[Held]]:
        """The letters that are chosen, some at a time."""

    def keep_alive(self) -> None:
        """Called every now and then while letters are in hand."""

    def settle(self, held: Iterable[Held]) -> None:
        """These are dealt with: they need not be handed out again."""

    def close(self) -> None:
        """Give the others back."""


class _Still:
    """A source that hands out nothing: what is read stays where it is."""

    unreadable = 0

    def keep_alive(self) -> None:
        """Nothing is held."""

    def settle(self, held: Iterable[Held]) -> None:
        """Nothing is taken away: the journal knows what was done."""

    def close(self) -> None:
        """Nothing is held."""


class FolderSource(_Still):
    """The dead letters of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def batches(self, choice: Choice) -> Iterator[list[Held]]:
        """File by file."""
        for file in parquet_files(self._folder, "dead_letters"):
            with reading(self._folder):
                for batch in pq.ParquetFile(file).iter_batches(_ROWS):
                    letters = (found(from_row(DeadLetter, row)) for row in batch.to_pylist())
                    yield [Held(letter) for letter in letters if choice.takes(letter)]


class TableSource(_Still):
    """The table of dead letters in BigQuery.

    Args:
      endpoints: Where BigQuery is.
      table: `project.dataset.dead_letters`.
    """

    def __init__(self, endpoints: Endpoints, table: str) -> None:
        self._client = endpoints.tables(table.split(".", 1)[0])
        self._table = table
        self.name = table

    def batches(self, choice: Choice) -> Iterator[list[Held]]:
        """Only rows of the reasons and steps that are chosen are read."""
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415
        from google.cloud import bigquery  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        from pipelines.provisioning.patience import refused  # noqa: PLC0415

        asked = {"reason": sorted(choice.reasons), "step": sorted(choice.steps)}
        wanted = [f"{column} IN UNNEST(@{column}s)" for column, names in asked.items() if names]
        columns = ", ".join(DeadLetter.__struct_fields__)
        sql = f"SELECT {columns} FROM `{self._table}` WHERE {' AND '.join(wanted) or 'TRUE'}"
        given = [
            bigquery.ArrayQueryParameter(f"{column}s", "STRING", names)
            for column, names in asked.items()
            if names
        ]
        config = bigquery.QueryJobConfig(query_parameters=given)
        try:
            rows = self._client.query_and_wait(
                sql,
                job_config=config,
                retry=bigquery.DEFAULT_RETRY.with_timeout(_AWAY_S),
                job_retry=None,  # type: ignore[arg-type]
            )
            letters = (found(from_row(DeadLetter, dict(row))) for row in rows)
            yield from _sliced(Held(letter) for letter in letters if choice.takes(letter))
        except (GoogleAPIError, RequestException) as error:
            raise refused(self._table, error) from error

    def close(self) -> None:
        """The client is of no more use."""
        self._client.close()  # type: ignore[no-untyped-call]


def _sliced(letters: Iterable[Held]) -> Iterator[list[Held]]:
    batch: list[Held] = []
    for each in letters:
        batch.append(each)
        if len(batch) == _ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


class SubscriptionSource:
    """A subscription to the topic of dead letters: what is not settled is given back in the end.

    While it is read, nobody else gets those letters, so its letters are of one reader at a time.
    """

    def __init__(self, endpoints: Endpoints, name: str, stop: Event) -> None:
        self._subscription = Subscription(endpoints, name, stop)
        self._held: dict[str, None] = {}
        self._renewed = time.monotonic()
        self.name = name
        self.unreadable = 0

    def batches(self, choice: Choice) -> Iterator[list[Held]]:
        """Of what there is now: the service hands out all of it, chosen or not."""
        quiet = 0
        while quiet < _QUIET_PULLS:
            try:
                received = self._subscription.pull()
            except StoppedError:
                return
            quiet = 0 if received else quiet + 1
            if not received:
                continue
            self._held |= dict.fromkeys(each.ack_id for each in received)
            self._subscription.extend([each.ack_id for each in received], _LEASE_S)
            batch = [_read(each.data, each.published, each.ack_id) for each in received]
            self.unreadable += batch.count(None)
            yield [held for held in batch if held is not None and choice.takes(held.found)]
            self.keep_alive()

    def keep_alive(self) -> None:
        """What is in hand shall not be delivered again meanwhile."""
        if time.monotonic() - self._renewed > _RENEW_S:
            self._subscription.extend([*self._held], _LEASE_S)
            self._renewed = time.monotonic()

    def settle(self, held: Iterable[Held]) -> None:
        """Acknowledge."""
        handles = [each.handle for each in held]
        self._subscription.acknowledge(handles)
        for handle in handles:
            self._held.pop(handle, None)

    def close(self) -> None:
        """Whoever reads next gets the rest at once."""
        handles, self._held = [*self._held], {}
        self._subscription.extend(handles, 0)


_letter = msgspec.json.Decoder(DeadLetter).decode


def _read(data: bytes, published: float, handle: str) -> Held | None:
    """The letter in a message; None if it is none, or of a newer version than ours."""
    try:
        letter = _letter(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Held(found(letter, datetime.fromtimestamp(published, UTC)), handle)


def all_letters(source: Source, choice: Choice) -> Iterator[Found]:
    """The letters that are chosen; nothing is taken away."""
    for batch in source.batches(choice):
        yield from (held.found for held in batch)


def one_letter(source: Source, name: str) -> Found:
    """The letter with this id, or the only one whose id starts with it. Equal letters count as one.

    Raises:
      UsageError: There is none, or more than one.
    """
    matches: dict[str, Found] = {each.id: each for each in all_letters(source, Choice(ids=(name,)))}
    if not matches:
        raise UsageError(f"no dead letter {name!r} in {source.name}; `nextbeam dead-letters list` shows some")
    if len(matches) > 1 and name not in matches:
        some = listing(sorted(matches), 3)
        raise UsageError(f"{len(matches)} dead letters start with {name!r} ({some}); give more of the id")
    return matches.get(name) or next(iter(matches.values()))
