"""Clients of BigQuery: the cloud's, or an emulator's where `BIGQUERY_EMULATOR_HOST` names one."""

import os
from dataclasses import dataclass

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

EMULATOR = "BIGQUERY_EMULATOR_HOST"
"""The variable that Google's client reads too; with the scheme, e.g. http://127.0.0.1:9050."""


@dataclass(frozen=True)
class Connect:
    """Makes a client where it is needed: clients themselves do not pickle.

    Args:
      endpoint: Of an emulator; empty: what the environment says where the client is made.
    """

    endpoint: str = ""

    def __call__(self, project: str) -> bigquery.Client:
        """A client for tables of one project.

        Raises:
          ValueError: The emulator's address has no scheme.
        """
        endpoint = self.endpoint or os.environ.get(EMULATOR, "")
        if not endpoint:
            return bigquery.Client(project=project)
        if "://" not in endpoint:
            raise ValueError(f"{EMULATOR}: {endpoint!r} has no scheme; write http://{endpoint}")
        return bigquery.Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": endpoint},
        )
