#!/usr/bin/env bash
# Write the template of this commit and put it where it is launched from, under a name of its own. Only of an image that
# was built, listed and found without vulnerabilities, and only once its infrastructure is there.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need RELEASES COMMIT
for paper in image sbom.json fingerprint.json vulnerabilities.json applied job.flags; do
  await_paper "$paper" "${PAPER_S:-7200}"
done
read_image
nextbeam deploy template --image "$image" --out "$papers/spec.json"
scripts/store.sh spec.json
