# shellcheck shell=bash
# What the scripts have in common; sourced. A commit's papers (image, bill of materials, fingerprint, Terraform's plan,
# spec, comparison) lie in the bucket of releases under builds/COMMIT; what is known to be good, under `current`. One
# build leaves a paper only if all went well, and the next one does not start without it: so no build has to start
# another, and none needs to act as the account of another.

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

stored() { echo "gs://$RELEASES/builds/$COMMIT"; }

# The papers of this commit with these names, fetched once.
fetch() {
  local name
  for name; do
    [ -f "$papers/$name" ] || gcloud storage cp "$(stored)/$name" "$papers/$name" \
      || die "$(stored)/$name is not there: $(who_makes "$name")"
  done
}

# Fetches the paper called $1, for whose build we wait up to $2 s.
await_paper() {
  local end=$((SECONDS + $2))
  until gcloud storage cp "$(stored)/$1" "$papers/$1" 2> /dev/null; do
    [ $SECONDS -lt $end ] || die "$(stored)/$1 is not there after $2 s: $(who_makes "$1")"
    sleep "${POLL_S:-15}"
  done
}

who_makes() {
  case $1 in
    image | sbom.json | fingerprint.json | job.json) echo "the build of this commit on the main branch makes it" ;;
    vulnerabilities.json) echo "the build nextbeam-vulnerabilities makes it, if it finds none" ;;
    terraform.plan) echo "the build nextbeam-plan makes it, if there is anything to change" ;;
    applied | job.flags) echo "somebody has to approve nextbeam-infrastructure" ;;
    compared) echo "the build nextbeam-candidate makes it, if nothing speaks against the candidate" ;;
    *) echo "the build nextbeam-candidate makes it" ;;
  esac
}

# Sets $image to that in $papers, by digest. (No `$(image)` in an argument: what fails there is not noticed.)
image=
read_image() {
  image=$(cat "$papers/image")
  [[ $image =~ ^[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$ ]] || die "'$image' is no image by digest"
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
