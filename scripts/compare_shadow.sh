#!/usr/bin/env bash
# Let the candidate run for a while, then compare it with the job that runs. What comes of it is in
# out/release/compared; without that file nothing goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT JOB DATASET SHADOW_DATASET
rm -f "$papers/compared"
since=$(cat "$papers/shadow-since")
sleep "$((${SHADOW_MINUTES:-60} * 60))"
.venv/bin/python -m pipelines.releases.comparing --project "$PROJECT" --since "$since" \
  --live "$DATASET" --candidate "$SHADOW_DATASET" --live-job "$JOB" --candidate-job "$JOB-shadow" \
  --least-comparable "${LEAST_COMPARABLE:-200}" --least-agreement "${LEAST_AGREEMENT:-0.999}" \
  | tee "$papers/comparison.json"
scripts/store.sh comparison.json
touch "$papers/compared"
