"""`python -m pipelines.local`: install what the servers need, and say what there is."""

import os
import sys

from pipelines.local import bigquery_venv
from pipelines.local.processes import ServerError
from pipelines.local.pubsub import find_jar, find_java


def main() -> int:
    """The command; its exit code is 1 if a server cannot run here."""
    missing = 0
    for check in (_pubsub, _bigquery):
        try:
            print(check())
        except ServerError as error:
            print(error, file=sys.stderr)
            missing += 1
    return 1 if missing else 0


def _pubsub() -> str:
    return f"the Pub/Sub emulator: {find_java(os.environ)} -jar {find_jar(os.environ)}"


def _bigquery() -> str:
    return f"the BigQuery emulator: {bigquery_venv.installed(bigquery_venv.location(os.environ), os.environ)}"


if __name__ == "__main__":
    sys.exit(main())
