#!/usr/bin/env bash
# Start another build of this commit: trigger.sh NAME [--wait]. One that needs approval waits for it; so do we not.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT REGION COMMIT
name=${1:?which}
build=$(gcloud builds triggers run "nextbeam-$name" --project "$PROJECT" --region "$REGION" --sha "$COMMIT" \
  --format 'value(metadata.build.id)')
[ -n "$build" ] || die "nextbeam-$name was started, but says no build"
echo "nextbeam-$name: build $build"
[ "${2:-}" = --wait ] || exit 0
while :; do
  status=$(gcloud builds describe "$build" --project "$PROJECT" --region "$REGION" --format 'value(status)')
  case $status in
    SUCCESS) exit 0 ;;
    QUEUED | PENDING | WORKING) sleep "${POLL_S:-15}" ;;
    *) die "build $build of nextbeam-$name: ${status:-no status}" ;;
  esac
done
