#!/usr/bin/env bash
# Tests of the kernel with AddressSanitizer and UBSan: scripts/kernel/sanitized.sh [OTHER ARGUMENTS OF PYTEST]
# Fails on any report, and on memory that the kernel itself took and lost; what Python and libraries never give back is
# theirs. Built in a temporary folder; KEEP=folder: there, and again only after a change. Takes some ten minutes.
# DIRECTIVES="-X boundscheck=True" compiles it otherwise: then what is beyond a list is told even where memory goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-$PWD/.venv/bin/python}
compiler=${CC:-gcc}
asan=$("$compiler" -print-file-name=libasan.so 2> /dev/null) || asan=libasan.so
if [ ! -e "$asan" ]; then
  echo "error: no libasan of $compiler here" >&2
  exit 2
fi
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP" && tree=$(cd "$KEEP" && pwd)
else
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
fi
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - 2> /dev/null | tar -xf - -C "$tree"
cd "$tree"
[ $# -gt 0 ] || set -- tests/unit/test_kernel_*.py tests/unit/test_decoding*.py tests/unit/test_damaged_states.py tests/unit/test_seals.py
# Hostile input lies where the tests of this tree find it.
NEXTBEAM_DATA=$(PYTHONPATH=$OLDPWD/tests "$python" -c 'import realdata; print(realdata.data_dir("json_test_suite").parent)' 2> /dev/null) ||
  echo "no real data: its tests are skipped" >&2
export NEXTBEAM_DATA
read -r suffix include <<< "$("$python" -c 'import sysconfig as s; print(s.get_config_var("EXT_SUFFIX"), s.get_path("include"))')"
export python compiler suffix include
# As it is shipped, but for -fwrapv, with which no overflow would be told.
# shellcheck disable=SC2016 # expanded by the shell of each module
printf '%s\0' */kernel/*.pyx | xargs -0 -n 1 -P "$(nproc)" bash -euc '
  built=${1%.pyx}$suffix
  [ -e "$built" ] && [ -z "$(find "${1%/*}" -name "*.p[yx][xi]" -newer "$built")" ] && exit 0
  "$python" -m cython -3 ${DIRECTIVES:-} "$1"
  "$compiler" -shared -fPIC -O1 -g -fno-omit-frame-pointer -ffp-contract=off -fsanitize=address,undefined \
    -I "$include" "${1%.pyx}.c" -o "$built"' sh
rm -rf reports && mkdir reports
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:log_path=$tree/reports/address LSAN_OPTIONS=exitcode=0
export UBSAN_OPTIONS=print_stacktrace=1
sanitized() {
  env -u NEXTBEAM_KERNEL PYTHONPATH="$tree" PYTHONMALLOC=malloc \
    LD_PRELOAD="$asan $("$compiler" -print-file-name=libstdc++.so)" "$python" -X faulthandler "$@"
}
# Tests are skipped where the kernel is not built.
sanitized -c 'import importlib, pathlib, sys
for path in pathlib.Path().glob("*/kernel/*.pyx"):
    found = importlib.import_module(".".join(path.with_suffix("").parts)).__file__
    assert pathlib.Path(found).parent == path.parent.resolve(), found'
status=0
# UBSan says it on stderr and goes on: -s, or pytest would swallow it.
sanitized -m pytest -q -s -p no:cacheprovider "$@" 2> reports/stderr || status=$?
cat reports/stderr >&2
# Of leaks, those of memory that a function of the kernel took.
told=$(find reports -name "address.*" -exec cat {} + |
  awk -v RS= -v ORS='\n\n' '/ leak of / ? /kernel\/[a-z]+\.c:/ : !/LeakSanitizer: detected|^SUMMARY: .* leaked/')
if [ -n "$told" ] || grep -q ": runtime error: " reports/stderr; then
  printf '%s\n' "$told" "error: the sanitizers have something to say" >&2
  exit 1
fi
exit "$status"
