"""Where payloads are sent again: topics, a feed on disk, or the tables that refused them as rows."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, Protocol

import msgspec

from models.dead_letters import Send, Target
from pipelines.dead_letters.journal import cut_off
from pipelines.live.wire import Message, Topic
from pipelines.locate import UsageError
from pipelines.provisioning.endpoints import Endpoints
from schemas.rows import json_rows

REPLAYED = "replayed"
"""The attribute of a message that was a dead letter: the letter's id."""


class Parcel(NamedTuple):
    """Something to send."""

    id: str
    send: Send


class Sender(Protocol):
    """Sends to places, and returns once they have it."""

    def place(self, send: Send) -> str | None:
        """Where it goes, as the journal calls it; None if there is no such place."""

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """Send to one place, all or none but for those returned: id, and why it was refused."""


class TopicSender:
    """To the topics of signals and outcomes; returns when the service has confirmed them."""

    def __init__(self, endpoints: Endpoints, topics: Mapping[Target, str], stop: Event) -> None:
        self._names = dict(topics)
        self._topics = {target: Topic(endpoints, name, stop) for target, name in topics.items()}

    def place(self, send: Send) -> str | None:
        """The topic."""
        return self._names.get(send.target)

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """In one call or a few; a service that is away is waited for."""
        messages: list[Message] = [(each.send.payload, {REPLAYED: each.id}) for each in parcels]
        self._topics[parcels[0].send.target].publish(messages)
        return {}


class FeedSender:
    """To files of lines that `nextbeam run` reads: signals into one, outcomes into one beside it."""

    def __init__(self, path: Path) -> None:
        self.paths = {
            Target.SIGNALS: path,
            Target.OUTCOMES: path.with_name(f"{path.stem}.outcomes{path.suffix}"),
        }
        if path.suffix not in (".jsonl", ".ndjson"):
            raise UsageError(f"--into: {str(path)!r} is no file of lines; end its name with .jsonl")
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"--into: {str(path)!r} cannot be written; name a file in a folder that exists")

    def place(self, send: Send) -> str | None:
        """The file."""
        path = self.paths.get(send.target)
        return str(path.resolve()) if path else None

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """A line each, on disk when it returns."""
        path = self.paths[parcels[0].send.target]
        with path.open("ab") as file:
            if cut_off(path):
                file.write(b"\n")
            file.writelines(_line(each.send.payload) for each in parcels)
            file.flush()
            os.fsync(file.fileno())
        return {}


def _line(payload: bytes) -> bytes:
    """JSON that decodes has line breaks between its tokens only, where a space is as good."""
    return payload.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


class RowSender:
    """To the tables that refused rows.

    Args:
      endpoints: Where BigQuery is.
      dataset: `project.dataset`.
      tables: The contract of each table.
    """

    def __init__(
        self, endpoints: Endpoints, dataset: str, tables: Mapping[str, type[msgspec.Struct]]
    ) -> None:
        self._client = endpoints.tables(dataset.split(".", 1)[0])
        self._dataset = dataset
        self._tables = tables

    def place(self, send: Send) -> str | None:
        """The table."""
        return f"{self._dataset}.{send.table}" if send.target is Target.ROWS else None

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """Row by row, so that a bad one keeps no other away. The letter's id is the insert id."""
        return {each.id: why for each in parcels if (why := self._insert(each))}

    def _insert(self, parcel: Parcel) -> str:
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415

        contract = self._tables[parcel.send.table]
        row = json_rows(contract)(msgspec.json.decode(parcel.send.payload, type=contract))
        try:
            errors: Sequence[Any] = self._client.insert_rows_json(
                f"{self._dataset}.{parcel.send.table}", [row], row_ids=[parcel.id], timeout=60
            )
        except GoogleAPIError as error:  # its text may repeat values
            return f"BigQuery: {type(error).__name__}"
        return "; ".join(
            f"{each.get('location') or 'row'}: {each.get('reason')}" for e in errors for each in e["errors"]
        )


class Senders:
    """Several senders as one: the first that has a place gets it."""

    def __init__(self, *senders: Sender) -> None:
        self._senders = senders

    def place(self, send: Send) -> str | None:
        """Where the first of them that takes it would send it."""
        return next(filter(None, (sender.place(send) for sender in self._senders)), None)

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """To the sender that takes it."""
        sender = next(each for each in self._senders if each.place(parcels[0].send))
        return sender.deliver(parcels)


class NoSender:
    """For a dry run that names no place: says which kind of place would get it."""

    def place(self, send: Send) -> str | None:
        """The kind of place; rows need a table that is named."""
        return None if send.target is Target.ROWS else send.target.value

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, str]:
        """A dry run does not ask for it."""
        raise AssertionError(f"a dry run was to send {len(parcels)} letters")
