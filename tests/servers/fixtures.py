"""Real servers for tests: one of each per test process, started when the first test asks for it."""

import os
from collections.abc import Iterator

import pytest

from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.processes import UnavailableError
from pipelines.local.pubsub import PubsubEmulator
from pipelines.local.servers import Server


@pytest.fixture(scope="session")
def pubsub_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubsubEmulator]:
    """A Pub/Sub emulator; tests keep apart by the prefix of what they create."""
    yield from _running(PubsubEmulator(folder=tmp_path_factory.mktemp("pubsub")))


@pytest.fixture(scope="session")
def bigquery_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    """A BigQuery emulator; tests keep apart by dataset."""
    yield from _running(BigQueryEmulator(folder=tmp_path_factory.mktemp("bigquery")))


def _running(server: Server) -> Iterator[Server]:
    """Skips where something is missing; fails where NEXTBEAM_SERVERS=required says that nothing may be."""
    try:
        server.start()
    except UnavailableError as error:
        if os.environ.get("NEXTBEAM_SERVERS") == "required":
            raise
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()
