#!/usr/bin/env bash
# Put papers of this commit into the bucket of releases: store.sh NAME...
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need RELEASES COMMIT
for name in "$@"; do
  [ -s "$papers/$name" ] || die "$papers/$name is not there, or empty"
done
for name in "$@"; do
  gcloud storage cp "$papers/$name" "$(stored)/$name"
done
