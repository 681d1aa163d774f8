#!/usr/bin/env bash
# test.sh NAME… [-- ARGUMENT…]: runs test programs of the workspace with these arguments: by name, which may be a pattern, or all of a kind
# (lib, bin). test.sh --where NAME: prints where one is.
#
# All of them are built together first. cargo asks dependencies for the features that what it builds wants, and for every choice of programs
# it would build most of them once more.
set -euo pipefail

where=
if [ "${1:-}" = --where ]; then where=yes && shift; fi
names=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    names+=("$1")
    shift
done
[ $# = 0 ] || shift
[ ${#names[@]} != 0 ] || { echo "test.sh: no test program is named" >&2; exit 2; }

# Kind, name, program and folder of each.
programs=$(cargo test --workspace --no-run --message-format=json-render-diagnostics | jq -r '
    select(.executable and (.target.kind[0] == "test" or .profile.test))
    | [.target.kind[0], .target.name, .executable, (.manifest_path | rtrimstr("/Cargo.toml"))] | @tsv')

cargo=$(command -v cargo)
outcome=0
for wanted in "${names[@]}"; do
    found=
    while IFS=$'\t' read -r kind name program folder <&3; do
        # shellcheck disable=SC2053 # a pattern
        [ "$kind" = "$wanted" ] || [[ $kind = test && $name = $wanted ]] || continue
        found=yes
        if [ -n "$where" ]; then
            echo "$program"
            continue
        fi
        echo "     Running $name ($kind)"
        (cd "$folder" && CARGO=$cargo CARGO_MANIFEST_DIR=$folder "$program" "$@") || outcome=1
    done 3<<<"$programs"
    [ -n "$found" ] || { echo "test.sh: there is no test program $wanted" >&2; exit 2; }
done
exit $outcome
