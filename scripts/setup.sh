#!/usr/bin/env bash
# The environment of a build: everything from locks, by hash. In a network without the internet packages come through
# the registry's stand-in for the public index.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${PYTHON_UPSTREAM:-}" ]; then
  token=$(gcloud auth print-access-token)
  index="https://oauth2accesstoken:$token@$REGION-python.pkg.dev/$PROJECT/$PYTHON_UPSTREAM/simple/"
  export PIP_INDEX_URL=$index UV_INDEX_URL=$index UV_DEFAULT_INDEX=$index
fi
make setup readers infra
make servers || echo "Tests that need these servers will be skipped." >&2
