#!/usr/bin/env bash
# Has the candidate of this commit passed? Whoever approves the update approves what was compared.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need RELEASES COMMIT
fetch compared
.venv/bin/python -c 'import json, sys; found = json.load(sys.stdin)["objections"]; sys.exit("; ".join(found) or 0)' \
  < "$papers/compared" || die "the candidate of this commit has not passed"
