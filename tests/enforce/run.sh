#!/usr/bin/env bash
# run.sh [FILTER]: the enforcement suite, on a node of its own that bed/up.bash makes. FILTER chooses tests by name.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

# shellcheck disable=SC2034 # up.bash says it
suite=enforce
# Filters and profiles are put where only the node's own root reaches.
unset KUBECONFIG
# shellcheck source=../bed/up.bash
. "$(dirname "${BASH_SOURCE[0]}")/../bed/up.bash"

run() { "$(dirname "${BASH_SOURCE[0]}")/../setup/test.sh" enforce -- --nocapture "$@"; }
outcome=0
if [ $# != 0 ]; then
    run --test-threads=1 "$1" || outcome=1
else
    # Two that filter one node's packets would count each other's; the others meet only as tenants do.
    run --test-threads=1 packets:: || outcome=1
    run --test-threads=32 --skip packets:: || outcome=1
fi
[ $outcome = 0 ] || said
echo "enforce: done (${SECONDS} s)"
[ $outcome = 0 ]
