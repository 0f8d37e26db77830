#!/usr/bin/env bash
# After an update: good is kept as what one goes back to; bad goes back at once. Steps before this one may fail without
# ending the build, so it counts what passed, not what failed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need RELEASES COMMIT
[ -f "$papers/update-sent" ] || die "no update was started; the job runs as before"
if [ -f "$papers/updated" ] && [ -f "$papers/smoke-passed" ] && [ -f "$papers/watch-passed" ]; then
  for name in spec.json image fingerprint.json job.flags; do
    gcloud storage cp "$(stored)/$name" "gs://$RELEASES/current/$name"
  done
  echo "$COMMIT is what one goes back to from now on"
  exit 0
fi
[ ! -f "$papers/watch-blind" ] \
  || die "nobody could see how the job does: look yourself, then approve nextbeam-way-back or build again"
scripts/way_back.sh
die "$COMMIT did not hold; the job is back at the release before"
