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
cargo test -p runtimemap-tests --test e2e -- --test-threads=32 --skip alone:: ${1:+"$1"} || outcome=1
cargo test -p runtimemap-tests --test e2e -- --test-threads=1 --nocapture alone:: ${1:+"$1"} || outcome=1
[ $outcome = 0 ] || said
echo "e2e: done (${SECONDS} s)"
[ $outcome = 0 ]
