#!/usr/bin/env bash
# Runs every test of the workspace and ends with one plain line: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
export EXEAT_PYTHON="$target/venv/bin/python"

# The end-to-end tests start this binary.
cargo build --locked -p exeat || exit 1
export EXEAT_BIN="$target/debug/exeat"

log=$(mktemp)
days=$(mktemp)
trap 'rm -f "$log" "$days"' EXIT
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --locked --no-fail-fast 2>&1 | tee "$log"
else
  cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log"
fi
status=${PIPESTATUS[0]}

# The days of real programs; their own closing line is added to the one below.
"$EXEAT_PYTHON" tests/programs/run.py --core --exeat "$EXEAT_BIN" --packages "$target/programs" 2>&1 | tee "$days" | sed '/^[0-9]* passed, [0-9]* failed/d'
days_status=${PIPESTATUS[0]}
if [ "$status" = 0 ]; then status=$days_status; fi

# nextest: "Summary [ 9.1s] 120 tests run: 119 passed (1 slow), 1 failed, 2 skipped"; cargo test: one "test result:" line per binary.
sed 's/\x1b\[[0-9;]*m//g' "$log" "$days" | awk '
  /Summary \[.*tests? run:/ || /^test result:/ || /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
    for (i = 2; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i-1)
      if ($i ~ /^failed/) failed += $(i-1)
      if ($i ~ /^(skipped|ignored)/) skipped += $(i-1)
    }
  }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
exit "$status"
