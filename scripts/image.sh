#!/usr/bin/env bash
# Build and push the image of this commit; out/release/image names it by digest.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need IMAGES COMMIT REGION
if [ -n "${PYTHON_UPSTREAM:-}" ]; then
  # The build of the image installs packages, too; a secret of the build is in no layer.
  need PROJECT
  PIP_CONF=$(mktemp)
  export PIP_CONF
  trap 'rm -f "$PIP_CONF"' EXIT
  token=$(gcloud auth print-access-token)
  echo "[global]
index-url = https://oauth2accesstoken:$token@$REGION-python.pkg.dev/$PROJECT/$PYTHON_UPSTREAM/simple/" > "$PIP_CONF"
fi
gcloud auth configure-docker "$REGION-docker.pkg.dev" --quiet
deploy/build.sh "$IMAGES/nextbeam:$COMMIT"
docker push "$IMAGES/nextbeam:$COMMIT"
docker inspect --format '{{index .RepoDigests 0}}' "$IMAGES/nextbeam:$COMMIT" > "$papers/image"
read_image
echo "built $image"
