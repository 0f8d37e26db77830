#!/usr/bin/env bash
# Watch how fast error budgets are spent after an update. Exit 1: go back; 2: it could not be seen.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT JOB
rm -f "$papers/watch-passed" "$papers/watch-blind"
[ -f "$papers/smoke-passed" ] || die "the smoke test did not pass; there is nothing to watch"
status=0
.venv/bin/python -m pipelines.releases.watching --project "$PROJECT" --job "$JOB" --minutes "${WATCH_MINUTES:-30}" \
  || status=$?
case $status in
  0) touch "$papers/watch-passed" ;;
  1) ;;
  *) touch "$papers/watch-blind" ;;
esac
exit "$status"
