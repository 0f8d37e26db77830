#!/usr/bin/env bash
# Build the image: deploy/build.sh TAG [docker's own arguments]. Where each digest comes from: docs/dataflow.md.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
  echo "error: $*" >&2
  exit 2
}

[ $# -ge 1 ] || die "say what to call the image: deploy/build.sh REGISTRY/nextbeam:VERSION"
tag=$1
shift
target=${TARGET:-nextbeam}
digests=(PYTHON_DIGEST BEAM_DIGEST LAUNCHER_DIGEST)
arguments=()

case $target in
  nextbeam) ;;
  storage-write)
    digests+=(JAVA_DIGEST)
    [[ ${EXPANSION_JAR_SHA256:-} =~ ^[0-9a-f]{64}$ ]] || die "EXPANSION_JAR_SHA256 is not the SHA-256 of the jar"
    jar=$(sed -n 's/^COPY \(deploy\/jars\/[^ ]*\) .*/\1/p' deploy/Dockerfile)
    [ -f "$jar" ] || die "$jar is not there; it is published with Beam"
    arguments+=(--build-arg "EXPANSION_JAR_SHA256=$EXPANSION_JAR_SHA256")
    ;;
  *) die "TARGET=$target: there are nextbeam and storage-write" ;;
esac

for name in "${digests[@]}"; do
  value=${!name:-}
  [ -n "$value" ] || die "$name is missing: base images are named by digest, sha256:..."
  [[ $value =~ ^sha256:[0-9a-f]{64}$ ]] || die "$name=$value is no digest: sha256: and 64 hexadecimal digits"
  arguments+=(--build-arg "$name=$value")
done
for name in DOCKER_HUB GOOGLE_REGISTRY RUN_AS; do
  [ -z "${!name:-}" ] || arguments+=(--build-arg "$name=${!name}")
done
[ -z "${PIP_CONF:-}" ] || arguments+=(--secret "id=pip,src=$PIP_CONF")

DOCKER_BUILDKIT=1 exec docker build --file deploy/Dockerfile --target "$target" --tag "$tag" \
  "${arguments[@]}" "$@" .
