#!/usr/bin/env bash
# infrastructure.sh plan: what Terraform would change, kept for those who approve. infrastructure.sh apply: that plan and
# no other. infrastructure.sh drift: fails if somebody changed something by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need ENVIRONMENT STATE_BUCKET RELEASES COMMIT
export TF_IN_AUTOMATION=1 TF_INPUT=0
terraform -chdir=terraform init -lockfile=readonly -backend-config=bucket="$STATE_BUCKET" \
  -backend-config=prefix=nextbeam
planned=(-var-file="environments/$ENVIRONMENT.tfvars" -lock-timeout=120s)
case ${1:?plan, apply or drift} in
  plan)
    fetch image
    read_image
    terraform -chdir=terraform validate
    terraform -chdir=terraform plan "${planned[@]}" -var="image=$image" -out="$PWD/$papers/terraform.plan"
    terraform -chdir=terraform show -no-color "$PWD/$papers/terraform.plan" > "$papers/terraform.txt"
    scripts/store.sh terraform.plan terraform.txt
    ;;
  apply)
    fetch terraform.plan
    terraform -chdir=terraform apply "$PWD/$papers/terraform.plan"
    terraform -chdir=terraform output -raw job_flags > "$papers/job.flags"
    scripts/store.sh job.flags
    ;;
  drift)
    # Exit 2 is "something differs", 1 is an error.
    fetch image
    read_image
    terraform -chdir=terraform plan "${planned[@]}" -var="image=$image" -detailed-exitcode
    ;;
  *) die "there is no $1" ;;
esac
