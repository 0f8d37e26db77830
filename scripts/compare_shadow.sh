#!/usr/bin/env bash
# Let the candidate run for a while, then compare it with the job that runs. The paper says what speaks against it; with
# anything in it there is no update.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT JOB DATASET SHADOW_DATASET
need RELEASES COMMIT
since=$(cat "$papers/shadow-since")
status=0
sleep "$((${SHADOW_MINUTES:-60} * 60))"
.venv/bin/python -m pipelines.releases.comparing --project "$PROJECT" --since "$since" \
  --live "$DATASET" --candidate "$SHADOW_DATASET" --live-job "$JOB" --candidate-job "$JOB-shadow" \
  --least-comparable "${LEAST_COMPARABLE:-200}" --least-agreement "${LEAST_AGREEMENT:-0.999}" \
  > "$papers/compared" || status=$?
[ -s "$papers/compared" ] || echo '{"objections": ["it could not be compared"]}' > "$papers/compared"
cat "$papers/compared"
scripts/store.sh compared
exit "$status"
