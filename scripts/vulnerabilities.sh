#!/usr/bin/env bash
# No known vulnerability in what the image installs: vulnerabilities.sh FILE keeps the report. Needs the network, so it
# runs in Cloud Build only; a package that could not be looked up fails it.
set -euo pipefail
cd "$(dirname "$0")/.."
report=${1:?where the report goes}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m scripts.supply.locks requirements.lock > "$work/image.lock"
mkdir -p "$(dirname "$report")"
.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-infra/audit
.venv/bin/uv pip install --quiet --native-tls --python .venv-infra/audit/bin/python --require-hashes \
  -r scripts/supply/requirements-audit.lock
# Exit 1 is "something was found", which is judged below; what it says on stderr stays in the log.
.venv-infra/audit/bin/pip-audit --disable-pip --require-hashes --format json --output "$report" \
  --requirement "$work/image.lock" || [ $? -eq 1 ]
.venv/bin/python -m scripts.supply.vulnerabilities < "$report"
