"""A BigQuery emulator (local-bigquery, on DuckDB), in a virtual environment of its own: it needs a newer Python."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipelines.local import bigquery_venv
from pipelines.local.ports import HOST, claim_port
from pipelines.local.processes import ServerError
from pipelines.local.servers import Server, responds
from pipelines.place import BIGQUERY_EMULATOR, LOCAL_PROJECT


class BigQueryEmulator(Server):
    """BigQuery over REST, and gRPC for others. BIGQUERY_EMULATOR_HOST (`http://host:port`) names one to use.

    Args:
      project: The project that its tables are in; Beam wants six characters at least.
      http_port: Where to listen; None: a free one is chosen.
      grpc_port: The same for gRPC.
      data: Where its tables are kept; None: in its folder.
      say: Told what takes long: the first start installs the emulator.
    """

    name = "the BigQuery emulator"

    def __init__(
        self,
        *,
        project: str = LOCAL_PROJECT,
        http_port: int | None = None,
        grpc_port: int | None = None,
        data: Path | None = None,
        folder: Path | None = None,
        limit_s: float = 120.0,
        environ: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__(folder=folder, limit_s=limit_s, environ=environ)
        self.project = project
        self._wanted = (http_port, grpc_port)
        self._ports: tuple[int, int] | None = None
        self._data = data
        self._say = say

    @property
    def running_already(self) -> bool:
        """Whether BIGQUERY_EMULATOR_HOST names one."""
        return bool(self._environ.get(BIGQUERY_EMULATOR))

    @property
    def url(self) -> str:
        """`http://host:port`, as BIGQUERY_EMULATOR_HOST and `api_endpoint` want it."""
        if self.running_already:
            return self._environ[BIGQUERY_EMULATOR].rstrip("/")
        return f"http://{HOST}:{self._started()[0]}"

    def ready(self) -> bool:
        """Whether it answers.

        Asking for datasets makes it open its store, which takes longest: it is asked once, with patience.
        """
        return responds(f"{self.url}/bigquery/v2/projects/{self.project}/datasets", limit_s=self._limit_s)

    def _started(self) -> tuple[int, int]:
        if self._ports is None:
            raise ServerError(f"{self.name} has not been started")
        return self._ports

    def _command(self) -> Sequence[str]:
        program = bigquery_venv.installed(bigquery_venv.location(self._environ), self._environ, self._say)
        http, grpc = self._ports or self._wanted
        self._ports = (
            claim_port(http, what=self.name, flag="--bigquery_port"),
            claim_port(grpc, what=self.name, flag="--bigquery_grpc_port"),
        )
        data = self._data or self.folder / "bigquery"
        data.mkdir(parents=True, exist_ok=True)
        given = {
            "--host": HOST,
            "--port": self._ports[0],
            "--grpc-port": self._ports[1],
            "--data-dir": data,
            "--project": self.project,
            "--dataset": "default",
        }
        return [str(program), *(str(part) for pair in given.items() for part in pair)]

    def _settings(self) -> Mapping[str, str]:
        """Ours, but its home: DuckDB keeps its extensions there, and the user's are none of our business."""
        home = bigquery_venv.home(bigquery_venv.location(self._environ))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "HOME": str(home)}
