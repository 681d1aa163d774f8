#!/usr/bin/env bash
# run.sh [FILTER]: the end-to-end suite, on the cluster that bed/up.bash makes. FILTER chooses scenarios by name.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

suite=e2e
# shellcheck source=../bed/up.bash
. "$(dirname "${BASH_SOURCE[0]}")/../bed/up.bash"

export INSTA_UPDATE=${INSTA_UPDATE:-no}
outcome=0
# Scenarios wait more than they work. Those that change what all share run after them, one by one.
test=$(dirname "${BASH_SOURCE[0]}")/../setup/test.sh
"$test" e2e -- --test-threads=32 --skip alone:: --skip last:: ${1:+"$1"} || outcome=1
for order in alone:: last::; do
    [[ ${1:-$order} == *$order* ]] || continue
    "$test" e2e -- --test-threads=1 --nocapture "${1:-$order}" || outcome=1
done
[ $outcome = 0 ] || said
echo "e2e: done (${SECONDS} s)"
[ $outcome = 0 ]
