#!/usr/bin/env bash
# Heartbeats through the whole job: three in a row within SMOKE_MS. A job that is updated stands for some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT
rm -f "$papers/smoke-passed"
good=0
for ((tries = 0; tries < ${SMOKE_TRIES:-60}; tries++)); do
  answer=
  if answer=$(nextbeam heartbeat --project "$PROJECT" --once --timeout 30 --sender release) \
    && .venv/bin/python -c 'import json, sys; sys.exit(json.loads(sys.argv[1])["age_ms"] > float(sys.argv[2]))' \
      "$answer" "${SMOKE_MS:-5000}"; then
    good=$((good + 1))
  else
    good=0
  fi
  echo "${answer:-no answer}"
  [ $good -lt 3 ] || { touch "$papers/smoke-passed" && exit 0; }
  sleep "${POLL_S:-5}"
done
die "no three heartbeats in a row were answered within ${SMOKE_MS:-5000} ms"
