#!/usr/bin/env bash
# Write the template of this commit and put it where it is launched from, under a name of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need RELEASES COMMIT
fetch image
read_image
nextbeam deploy template --image "$image" --out "$papers/spec.json"
scripts/store.sh spec.json
