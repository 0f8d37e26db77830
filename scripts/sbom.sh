#!/usr/bin/env bash
# The bill of materials of the image (CycloneDX 1.6): sbom.sh FILE. Fails when it is not all of the lock, or a licence
# is not accepted. Needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?where to}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m scripts.supply.locks requirements.lock > "$work/image.lock"
.venv-infra/tools/bin/cyclonedx-py requirements --output-reproducible --sv 1.6 --of JSON --pyproject pyproject.toml \
  "$work/image.lock" > "$work/sbom.json"
mkdir -p "$(dirname "$out")"
.venv/bin/python -m scripts.supply.sbom < "$work/sbom.json" > "$work/whole.json"
mv "$work/whole.json" "$out"
