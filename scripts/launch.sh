#!/usr/bin/env bash
# launch.sh validate: Dataflow looks at the launch only. launch.sh shadow: the candidate beside the job that runs, on
# subscriptions, topics and tables of its own. launch.sh update: the job becomes this commit's, its state stays.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need PROJECT REGION JOB RELEASES COMMIT
fetch image
fetch spec.json
fetch job.flags
read_image
job=(--flags "$papers/job.flags" --spec "$(stored)/spec.json")
also=("--sdk_container_image=$image" "--job_name=$JOB")
case ${1:?validate, shadow or update} in
  validate)
    nextbeam deploy launch "${job[@]}" --validate-only --send --update "${also[@]}"
    ;;
  shadow)
    need SHADOW_DATASET
    # Whatever an earlier trial of this commit has said.
    echo '{"objections": ["it was not compared"]}' > "$papers/compared"
    scripts/store.sh compared
    scripts/stop_shadow.sh
    # Heartbeats are answered by the job that runs; nobody is to hear two. Of other flags the later one wins.
    grep -v '^--heartbeats_topic=' "$papers/job.flags" > "$papers/shadow.flags"
    launch --flags "$papers/shadow.flags" --spec "$(stored)/spec.json" \
      "--sdk_container_image=$image" "--job_name=$JOB-shadow" \
      --signals_subscription=signals-shadow --outcomes_subscription=outcomes-shadow \
      --decisions_topic=decisions-shadow --feedback_topic=feedback-shadow --dead_letters_topic=dead-letter-shadow \
      "--bigquery_dataset=$SHADOW_DATASET" --labels=role=shadow
    await_job "$launched" "${START_S:-900}"
    date -u +%Y-%m-%dT%H:%M:%S > "$papers/shadow-since"
    ;;
  update)
    find_active "$JOB"
    [ -n "$active" ] || die "no job $JOB runs; start the first one as docs/operations.md says"
    rm -f "$papers/update-sent" "$papers/updated"
    launch "${job[@]}" --update "${also[@]}"
    touch "$papers/update-sent"
    await_job "$launched" "${START_S:-1800}"
    touch "$papers/updated"
    ;;
  *) die "there is no $1" ;;
esac
