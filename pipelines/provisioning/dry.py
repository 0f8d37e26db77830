"""The same servers, only looked at: what would be made or changed is found out, and left alone."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from google.api_core.exceptions import NotFound

from pipelines.provisioning.endpoints import Endpoints

_CHANGES = ("create_", "update_", "commit_", "delete_", "load_", "insert_")


class DryEndpoints(Endpoints):
    """Its clients ask, and change nothing."""

    def publisher(self, **options: Any) -> Any:
        """Of topics."""
        return _Looking(super().publisher(**options))

    def subscriber(self, **options: Any) -> Any:
        """Of subscriptions."""
        return _Looking(super().subscriber(**options))

    def schemas(self) -> Any:
        """Of Pub/Sub schemas."""
        return _Looking(super().schemas())

    def tables(self, project: str) -> Any:
        """Of BigQuery."""
        return _Looking(super().tables(project))


class _Looking:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return _nothing if name.startswith(_CHANGES) else getattr(self._client, name)

    def create_schema(self, request: Mapping[str, Any], **how: Any) -> None:
        """Not made, but asked whether it could be: a server may not know schemas of this kind."""
        self._client.validate_schema(
            request={"parent": request["parent"], "schema": request["schema"]}, **how
        )

    def query(self, *what: Any, **how: Any) -> Any:
        """Of a table that would only be made, nothing."""
        asked = self._client.query(*what, **how)
        try:
            asked.result()
        except NotFound:
            return _Nothing()
        return asked

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)


class _Nothing:
    def result(self) -> tuple[()]:
        """As of a job."""
        return ()


def _nothing(*_: Any, **__: Any) -> _Nothing:
    return _Nothing()
