#!/usr/bin/env bash
# run.sh [SERIES…]: runs programs.sh with the recorder on every kernel, in every cgroup layout, and prints what passed where.
#
# Closes with "N passed, N failed". A machine that does not answer is a failure of everything it should have run.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
recorder=${RUNTIMEMAP_RECORDER:?names the static recorder; make kernels sets it}
[ -x "$recorder" ] || { echo "kernels: there is no $recorder: run 'make build'" >&2; exit 1; }
[ $# -gt 0 ] || set -- 5.10 6.1 6.12

# Layouts: what is at /sys/fs/cgroup, and what / is.
layouts=(v2/plain v1/overlay hybrid/plain)
work=$(mktemp -d "${TMPDIR:-/tmp}/runtimemap-kernels.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Debian's own programs beside busybox, for the ladders.
options=(--program "$recorder:/bin/runtimemap-recorder" --module sctp --seconds 300)
gcc -static -O1 -Wall -Wextra -o "$work/wire" "$here/wire.c" || { echo "kernels: failed to compile wire.c: run 'make setup'" >&2; exit 1; }
options+=(--program "$work/wire:/bin/wire")
for file in programs.sh network.sh age.sh ladder.bash; do options+=(--file "$here/$file:/$file"); done
for program in bash tar find sort sed grep; do options+=(--program "/usr/bin/$program"); done
options+=(--program "$(command -v bpftool):/bin/bpftool")

# grown SERIES: programs of which the verifier walked over a tenth more than verified.txt says, or of which it says nothing. WRITE=verified
# writes it anew.
grown() {
    sed -n "s/^VERIFIED /$1 /p" "$work/output" | sort >"$work/verified"
    if [ "${WRITE:-}" = verified ]; then
        { grep -E '^#' "$here/verified.txt"; { grep -Ev "^(#|$1 )" "$here/verified.txt" || true; cat "$work/verified"; } | sort -V; } >"$work/new"
        cp "$work/new" "$here/verified.txt"
    fi
    awk 'NR == FNR { known[$1, $2] = $3; next } !(($1, $2) in known) { print $2 ": not in verified.txt" }
        ($1, $2) in known && $3 > known[$1, $2] * 1.1 { print $2 ": " $3 " instructions, not " known[$1, $2] }' "$here/verified.txt" "$work/verified"
}

rows=() passed=0 failed=0
for series in "$@"; do
    "$here/fetch.sh" "$series" >"$work/folder" || { rows+=("$(printf '%-6s no kernel to boot' "$series")"); failed=$((failed + 1)); continue; }
    version=$(cat "$(cat "$work/folder")/version")
    for layout in "${layouts[@]}"; do
        echo "--- $version, cgroup ${layout%/*}, ${layout#*/} root"
        began=$SECONDS outcome=0
        "$here/vm.sh" "$series" --cgroup "${layout%/*}" --root "${layout#*/}" "${options[@]}" -- sh /programs.sh | tee "$work/output" || outcome=$?
        p=$(grep -c '^RESULT passed ' "$work/output" || true)
        f=$(grep -c '^RESULT failed ' "$work/output" || true)
        note=$(sed -n 's/^RESULT failed //p' "$work/output" | paste -sd ' ')
        if [ "$outcome" != 0 ] || [ $((p + f)) = 0 ]; then f=$((f + 1)) note="$note (the machine's status: $outcome)"; fi
        if [ "$layout" = "${layouts[0]}" ]; then
            more=$(grown "$series" | paste -sd ';')
            if [ -n "$more" ]; then
                f=$((f + 1)) note="$note the verifier walks more: $more"
            elif [ -s "$work/verified" ]; then
                p=$((p + 1))
            fi
        fi
        passed=$((passed + p)) failed=$((failed + f))
        rows+=("$(printf '%-26s %-6s %-8s %3d passed %3d failed %5d s  %s' "$version" "${layout%/*}" "${layout#*/}" "$p" "$f" $((SECONDS - began)) "$note")")
    done
done

printf '%s\n' "" "kernel                     cgroup root" "${rows[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
