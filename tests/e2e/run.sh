#!/usr/bin/env bash
# run.sh [FILTER]: the end-to-end suite, on the cluster that bed/up.bash makes. FILTER chooses scenarios by name.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

test=$(dirname "${BASH_SOURCE[0]}")/../setup/test.sh
scenarios=$("$test" e2e -- --list --format terse | sed -n 's/: test$//p' | grep -F -- "${1:-}") ||
    { echo "e2e: no scenario has '${1:-}' in its name" >&2; exit 1; }

suite=e2e
# shellcheck source=../bed/up.bash
. "$(dirname "${BASH_SOURCE[0]}")/../bed/up.bash"

export INSTA_UPDATE=${INSTA_UPDATE:-no}
outcome=0
# run_those GREP PATTERN ARGUMENT…: the scenarios that are wanted and that `grep GREP PATTERN` finds, if there are any.
run_those() {
    local names
    mapfile -t names < <(grep "$1" "$2" <<<"$scenarios")
    [ ${#names[@]} = 0 ] || "$test" e2e -- --exact "${names[@]}" "${@:3}" || outcome=1
}
# Scenarios wait more than they work. Those that change what all share run after them, one by one.
run_those -Ev '^(alone|last)::' --test-threads=32
for order in alone last; do run_those -E "^$order::" --test-threads=1 --nocapture; done
[ $outcome = 0 ] || said
echo "e2e: done (${SECONDS} s)"
[ $outcome = 0 ]
