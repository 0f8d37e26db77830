#!/usr/bin/env bash
# Stop candidates: what they hold is nobody's.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT REGION JOB
find_active "$JOB-shadow"
for id in $active; do
  gcloud dataflow jobs cancel "$id" --project "$PROJECT" --region "$REGION"
done
end=$((SECONDS + ${STOP_S:-900}))
while [ -n "$active" ]; do
  [ $SECONDS -lt $end ] || die "a job $JOB-shadow still runs"
  sleep "${POLL_S:-15}"
  find_active "$JOB-shadow"
done
