#!/usr/bin/env bash
# Update the job to the release that is known to be good: what it keeps stays, as fingerprints are checked both ways.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT REGION JOB RELEASES
good=out/good
mkdir -p "$good"
gcloud storage cp "gs://$RELEASES/current/image" "gs://$RELEASES/current/job.flags" "$good/" \
  || die "gs://$RELEASES/current holds no release: no update has ever settled"
papers=$good
read_image
launch --flags "$good/job.flags" --spec "gs://$RELEASES/current/spec.json" --update \
  "--sdk_container_image=$image" "--job_name=$JOB"
await_job "$launched" "${START_S:-1800}"
