#!/usr/bin/env bash
# conservation.sh [SERIES…]: random schedules of the agent's test of conservation on other kernels, SCHEDULES (default 50) on each.
#
# RUNTIMEMAP_AGENT_TESTS names that test's program.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tests=${RUNTIMEMAP_AGENT_TESTS:?names the program of the tests of the agent; make conservation sets it}
recorder=${RUNTIMEMAP_RECORDER:?names the static recorder; make conservation sets it}
test=${CONSERVATION:?names the test; make conservation sets it}
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 7

trusted=/etc/ssl/certs/ca-certificates.crt
output=$(mktemp) stripped=$(mktemp)
trap 'rm -f "$output" "$stripped"' EXIT
strip -o "$stripped" "$tests"
failed=0
for series in "$@"; do
    echo "--- $series"
    # The agent reads whom the system trusts before it talks to anybody.
    "$here/vm.sh" "$series" --program "$recorder:/bin/runtimemap-recorder" --program "$stripped:/bin/agent-tests" --program /usr/bin/bash \
        --file "$trusted:$trusted" --memory 2048 --seconds 5400 \
        -- env RECORDER_UNDER_TEST=/bin/runtimemap-recorder "SCHEDULES=${SCHEDULES:-50}" "AVOID=${AVOID:-}" /bin/agent-tests --exact "$test" --nocapture | tee "$output" || true
    # A test of another name would have passed without having run.
    grep -q '^test result: ok. 1 passed' "$output" || failed=$((failed + 1))
done
echo "$(($# - failed)) passed, $failed failed"
[ "$failed" = 0 ]
