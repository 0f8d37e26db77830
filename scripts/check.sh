#!/usr/bin/env bash
# What guards the project: check.sh [lint] [types] [derived] [builds] [supply] [tests]; all of it without arguments.
# The same here, in Cloud Build and on a developer's machine; it needs no network once scripts/setup.sh is done.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- lint types derived builds supply tests
for part in "$@"; do
  case $part in
    lint | types | derived) make "$part" ;;
    builds) .venv/bin/python -m scripts.builds.lint ;;
    supply) scripts/supply.sh ;;
    infrastructure) make test ARGS="tests/infrastructure" ;;
    tests) make test ;;
    *) echo "error: there is no check $part" >&2 && exit 2 ;;
  esac
done
