#!/usr/bin/env bash
# infrastructure.sh plan: what Terraform would change, kept for those who approve. infrastructure.sh apply: that plan and
# no other. infrastructure.sh drift: fails if somebody has changed something by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need ENVIRONMENT STATE_BUCKET RELEASES COMMIT
export TF_IN_AUTOMATION=1 TF_INPUT=0
terraform -chdir=terraform init -lockfile=readonly -backend-config=bucket="$STATE_BUCKET" \
  -backend-config=prefix=nextbeam
planned=(-var-file="environments/$ENVIRONMENT.tfvars" -lock-timeout=120s)
# The infrastructure is what this commit says.
applied() {
  terraform -chdir=terraform output -raw job_flags > "$papers/job.flags"
  date -u +%Y-%m-%dT%H:%M:%SZ > "$papers/applied"
  scripts/store.sh job.flags applied
}

case ${1:?plan, apply or drift} in
  plan)
    await_paper image "${PAPER_S:-7200}"
    read_image
    terraform -chdir=terraform validate
    # Exit 2 is "something is to change", 1 is an error.
    status=0
    terraform -chdir=terraform plan "${planned[@]}" -var="image=$image" -out="$PWD/$papers/terraform.plan" \
      -detailed-exitcode || status=$?
    case $status in
      0) applied ;;
      2)
        terraform -chdir=terraform show -no-color "$PWD/$papers/terraform.plan" > "$papers/terraform.txt"
        cat "$papers/terraform.txt"
        scripts/store.sh terraform.txt terraform.plan
        ;;
      *) exit "$status" ;;
    esac
    ;;
  apply)
    fetch terraform.plan
    terraform -chdir=terraform apply "$PWD/$papers/terraform.plan"
    applied
    ;;
  drift)
    fetch image
    read_image
    terraform -chdir=terraform plan "${planned[@]}" -var="image=$image" -detailed-exitcode
    ;;
  *) die "there is no $1" ;;
esac
