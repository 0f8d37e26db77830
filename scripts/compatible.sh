#!/usr/bin/env bash
# Can the job that runs be updated to this commit, and back? compatible.sh [FINGERPRINT of what runs]
# Without one: that of the last release, from the bucket if RELEASES is set, else from the repository. FLAGS and PLAN say
# which job; by default the one of deploy/check.flags. Needs no network without RELEASES.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
job=(--flags "${FLAGS:-deploy/check.flags}" --plan-here "${PLAN:-uk_bank}")
old=${1:-}
if [ -z "$old" ] && [ -n "${RELEASES:-}" ]; then
  old=$papers/running.json
  if [ "${FIRST_RELEASE:-}" = yes ]; then
    cp "$(find deploy/fingerprints -name '*.json' | sort -V | tail -n 1)" "$old"
  else
    gcloud storage cp "gs://$RELEASES/current/fingerprint.json" "$old" \
      || die "no fingerprint of what runs; for the first release of a project say FIRST_RELEASE=yes"
  fi
fi
[ -n "$old" ] || old=$(find deploy/fingerprints -name '*.json' | sort -V | tail -n 1)
nextbeam deploy request "${job[@]}" --out "$papers/job.json"
nextbeam deploy fingerprint "${job[@]}" --out "$papers/fingerprint.json"
nextbeam deploy update-check "$old" "$papers/fingerprint.json"
