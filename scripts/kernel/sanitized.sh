#!/usr/bin/env bash
# The tests of kernels and of hostile input with AddressSanitizer and UBSan: scripts/kernel/sanitized.sh [OTHER ARGUMENTS OF PYTEST]
# It is built in a temporary folder, with bounds checked; KEEP=folder: there, and again only after a change. Takes minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-$PWD/.venv/bin/python}
asan=$("${CC:-gcc}" -print-file-name=libasan.so 2> /dev/null) || asan=libasan.so
if [ ! -e "$asan" ]; then
  echo "no libasan here: the kernel is not checked with sanitizers"
  exit 0
fi
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP" && tree=$(cd "$KEEP" && pwd)
else
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
fi
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - 2> /dev/null | tar -xf - -C "$tree"
cd "$tree"
[ $# -gt 0 ] || set -- tests/unit/test_kernel_*.py tests/unit/test_decoding_hostile.py
read -r suffix include <<< "$("$python" -c 'import sysconfig as s; print(s.get_config_var("EXT_SUFFIX"), s.get_path("include"))')"
export python suffix include
# shellcheck disable=SC2016 # expanded by the shell of each module
printf '%s\0' */kernel/*.pyx | xargs -0 -n 1 -P "$(nproc)" bash -euc '
  built=${1%.pyx}$suffix
  [ -e "$built" ] && [ -z "$(find "${1%/*}" -name "*.p[yx][xi]" -newer "$built")" ] && exit 0
  "$python" -m cython -3 -X boundscheck=True -X nonecheck=True "$1"
  "${CC:-gcc}" -shared -fPIC -O1 -g -fno-omit-frame-pointer -fwrapv -ffp-contract=off -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -I "$include" "${1%.pyx}.c" -o "$built"' sh
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
PYTHONPATH=$tree PYTHONMALLOC=malloc LD_PRELOAD=$asan "$python" -X faulthandler -m pytest -q -p no:cacheprovider "$@"
