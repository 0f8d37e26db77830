#!/usr/bin/env bash
# What we build on, without network: licences accepted, no secret in the repository. (Hashes of locks, reasons of
# dependencies and what workers import: tests.)
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python -m scripts.supply.licences --check
.venv/bin/python -m scripts.supply.secrets
