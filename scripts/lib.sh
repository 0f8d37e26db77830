# shellcheck shell=bash
# What the scripts have in common; sourced. A build's papers (image, bill of materials, fingerprint, spec, plans of
# Terraform) lie in the bucket of releases under the commit; what is known to be good lies under `current`.

die() {
  echo "error: $*" >&2
  exit 2
}

need() {
  local name
  for name in "$@"; do
    [ -n "${!name:-}" ] || die "$name is missing: $0 takes it from the environment, as the builds set it"
  done
}

papers=out/release
mkdir -p "$papers"

stored() { echo "gs://$RELEASES/$COMMIT"; }

# The paper called $1 of this commit, fetched once.
fetch() {
  [ -f "$papers/$1" ] || gcloud storage cp "$(stored)/$1" "$papers/$1" \
    || die "$(stored)/$1 is not there: the release build of this commit makes it"
}

# Sets $image to that in $papers, by digest. (No `$(image)` in an argument: what fails there is not noticed.)
image=
read_image() {
  image=$(cat "$papers/image")
  [[ $image =~ ^[^@[:space:]]+@sha256:[0-9a-f]{64}$ ]] || die "'$image' is no image by digest"
}

nextbeam() { .venv/bin/nextbeam "$@"; }

# Sets $active to the ids of the active jobs called $1, one a line.
active=
# shellcheck disable=SC2034  # read by who sources this
find_active() {
  active=$(gcloud dataflow jobs list --project "$PROJECT" --region "$REGION" --status active --filter "name=$1" \
    --format 'value(id)')
}

# Launches with the arguments of `nextbeam deploy launch`; $launched is the job's id.
launched=
launch() {
  local said
  said=$(nextbeam deploy launch --send "$@")
  echo "$said"
  launched=${said##*job }
  [[ $launched =~ ^[A-Za-z0-9_-]+$ ]] || die "no job was started"
}

# Waits until the job with id $1 runs, for at most $2 s. By id: while a job is updated, there are two of its name.
await_job() {
  local end=$((SECONDS + $2)) state=
  while [ $SECONDS -lt $end ]; do
    state=$(gcloud dataflow jobs describe "$1" --project "$PROJECT" --region "$REGION" --format 'value(currentState)') \
      || state=
    case $state in
      JOB_STATE_RUNNING) return 0 ;;
      JOB_STATE_FAILED | JOB_STATE_CANCELLED | JOB_STATE_DONE | JOB_STATE_DRAINED) die "job $1: $state" ;;
    esac
    sleep "${POLL_S:-15}"
  done
  die "job $1 does not run after $2 s; last seen: ${state:-nothing}"
}
