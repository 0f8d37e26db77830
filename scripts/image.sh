#!/usr/bin/env bash
# Build and push the image of this commit; out/release/image names it by digest.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need IMAGES COMMIT REGION
gcloud auth configure-docker "$REGION-docker.pkg.dev" --quiet
deploy/build.sh "$IMAGES/nextbeam:$COMMIT"
docker push "$IMAGES/nextbeam:$COMMIT"
docker inspect --format '{{index .RepoDigests 0}}' "$IMAGES/nextbeam:$COMMIT" > "$papers/image"
read_image
echo "built $image"
