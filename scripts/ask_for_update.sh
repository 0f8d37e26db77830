#!/usr/bin/env bash
# Ask for the approval of the update, if the comparison passed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
[ -f "$papers/compared" ] || die "the candidate was not compared, or something speaks against it; see the step before"
scripts/trigger.sh update
