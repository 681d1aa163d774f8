#!/usr/bin/env bash
# run.sh [SERIES…]: runs programs.sh with the recorder on every kernel, in every cgroup layout, and prints what passed where.
#
# Closes with "N passed, N failed". A machine that does not answer is a failure of everything it should have run.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
truth=${RUNTIMEMAP_TRUTH:?names the program of make truth; make kernels sets it}
agent_tests=${RUNTIMEMAP_AGENT_TESTS:?names the program of the tests of the agent; make kernels sets it}
trusted=/etc/ssl/certs/ca-certificates.crt
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 7

# Layouts: what is at /sys/fs/cgroup, and what / is.
layouts=(v2/plain v1/overlay hybrid/plain)
work=$(mktemp -d "${TMPDIR:-/tmp}/runtimemap-kernels.XXXXXX")
# A machine ends with the one that waits for it.
trap 'jobs -p | xargs -r kill 2>/dev/null || true; rm -rf "$work"' EXIT

# equip ARCHITECTURE: what its machines get, as options of vm.sh: those of every layout, and what the table of programs (truth.sh) needs beside
# that, in the first layout. Debian's own programs are there beside busybox, for the ladders.
equip() {
    local folder=$work/$1 tools='' lent='' recorder truth_inside python program file library options table
    case $1 in
        amd64) recorder=${RUNTIMEMAP_RECORDER:?names the static recorder; make kernels sets it} truth_inside=$truth ;;
        arm64)
            recorder=${RUNTIMEMAP_RECORDER_ARM64:?names the static recorder; make kernels sets it}
            truth_inside=${RUNTIMEMAP_TRUTH_ARM64:?names the program of make truth; make kernels sets it}
            tools=aarch64-linux-gnu-
            lent=$("$here/fetch.sh" programs-arm64) || return 1
            ;;
    esac
    [ -x "$recorder" ] || { echo "kernels: there is no $recorder: run 'make build'" >&2; return 1; }
    options=(--program "$recorder:/bin/runtimemap-recorder" --module sctp --seconds 900)
    mkdir -p "$folder"/{built,python}
    "${tools}gcc" -static -O1 -Wall -Wextra -o "$folder/wire" "$here/wire.c" || { echo "kernels: failed to compile wire.c: run 'make setup'" >&2; return 1; }
    options+=(--program "$folder/wire:/bin/wire")
    for file in programs.sh network.sh age.sh truth.sh ladder.bash waiting.sh; do options+=(--file "$here/$file:/$file"); done
    for program in bash tar find sort sed grep; do options+=(--program "$lent/usr/bin/$program:/usr/bin/$program"); done
    options+=(--program "$lent$(command -v bpftool):/bin/bpftool")

    TRUTH_COMPILER=${tools}gcc "$truth" --build "$folder/built" || return 1
    "${tools}strip" -o "$folder/truth" "$truth_inside"
    python=$(basename "$(realpath "$lent/usr/bin/python3")")
    tar -C "$lent/usr/lib/$python" --exclude test --exclude __pycache__ --exclude 'config-*' --exclude idlelib --exclude lib2to3 -cf - . | tar -C "$folder/python" -xf -
    table=(--file "$folder/built:/built" --file "$folder/python:/usr/lib/$python" --program "$folder/truth:/bin/truth" --memory 1536 --seconds 1500)
    for program in strace unshare setpriv python3; do table+=(--program "$(realpath "$lent/usr/bin/$program"):/usr/bin/$program"); done
    # One that is copied elsewhere and runs there, which busybox's cannot.
    table+=(--program "$lent/usr/bin/true:/bin/true")
    # What python's own libraries load is found like what a program loads.
    [ -n "$lent" ] || while read -r library; do table+=(--file "$library:$library"); done \
        < <(ldd "/usr/lib/$python"/lib-dynload/_ctypes.*.so | sed -n 's|^[^/]*\(/[^ ]*ffi[^ ]*\).*|\1|p')
    if [ "$1" = amd64 ]; then
        strip -o "$folder/agent-tests" "$agent_tests"
        # The agent that these tests start reads whom the system trusts before it talks to anybody.
        table+=(--program "$folder/agent-tests:/bin/agent-tests" --file "$trusted:$trusted")
    fi
    printf '%s\n' "${options[@]}" >"$folder/options"
    printf '%s\n' "${table[@]}" >"$folder/table"
}

# grown SERIES OUTPUT: programs of which the verifier walked over a tenth more than verified.txt says, or of which it says nothing. WRITE=verified
# writes it anew.
grown() {
    sed -n "s/^VERIFIED /$1 /p" "$2" | sort >"$work/verified"
    if [ "${WRITE:-}" = verified ]; then
        { grep -E '^#' "$here/verified.txt"; { grep -Ev "^(#|$1 )" "$here/verified.txt" || true; cat "$work/verified"; } | sort -V; } >"$work/new"
        cp "$work/new" "$here/verified.txt"
    fi
    awk 'NR == FNR { known[$1, $2] = $3; next } !(($1, $2) in known) { print $2 ": not in verified.txt" }
        ($1, $2) in known && $3 > known[$1, $2] * 1.1 { print $2 ": " $3 " instructions, not " known[$1, $2] }' "$here/verified.txt" "$work/verified"
}

# machine SERIES LAYOUT: one machine, whose output, status and seconds go to a folder of its own.
machine() {
    local folder=$work/$1/$2 began=$SECONDS outcome=0 options extra=()
    mapfile -t options <"$work/$(architecture "$1")/options"
    if [ "$2" = "${layouts[0]}" ]; then mapfile -t extra <"$work/$(architecture "$1")/table"; fi
    "$here/vm.sh" "$1" --cgroup "${2%/*}" --root "${2#*/}" "${options[@]}" "${extra[@]}" -- env "HOOKS=${HOOKS:-}" sh /programs.sh >"$folder/output" 2>"$folder/errors" &
    # shellcheck disable=SC2064 # the process of now
    trap "kill $! 2>/dev/null || true" EXIT
    wait $! || outcome=$?
    echo "$outcome $((SECONDS - began))" >"$folder/ended"
    echo "kernels: $1, cgroup ${2%/*}, ${2#*/} root has ended ($((SECONDS - began)) s)" >&2
}

architecture() { case $1 in *-arm64) echo arm64 ;; *) echo amd64 ;; esac; }
for each in $(for series in "$@"; do architecture "$series"; done | sort -u); do equip "$each"; done

# As many at a time as there are processors: each machine keeps one busy.
running=0
for series in "$@"; do
    "$here/fetch.sh" "$series" >"$work/$series.folder" || continue
    for layout in "${layouts[@]}"; do
        if [ $running -ge "$(nproc)" ]; then wait -n || true; else running=$((running + 1)); fi
        mkdir -p "$work/$series/$layout"
        machine "$series" "$layout" &
    done
done
wait

rows=() passed=0 failed=0
for series in "$@"; do
    folder=$(cat "$work/$series.folder")
    [ -n "$folder" ] || { rows+=("$(printf '%-9s no kernel to boot' "$series")"); failed=$((failed + 1)); continue; }
    version=$(cat "$folder/version")
    for layout in "${layouts[@]}"; do
        output=$work/$series/$layout/output
        echo "--- $version, cgroup ${layout%/*}, ${layout#*/} root"
        cat "$output" "$work/$series/$layout/errors"
        read -r outcome seconds <"$work/$series/$layout/ended"
        p=$(grep -c '^RESULT passed ' "$output" || true)
        f=$(grep -c '^RESULT failed ' "$output" || true)
        note=$(sed -n 's/^RESULT failed //p' "$output" | paste -sd ' ')
        if [ "$outcome" != 0 ] || [ $((p + f)) = 0 ]; then f=$((f + 1)) note="$note (the machine's status: $outcome)"; fi
        if [ "$layout" = "${layouts[0]}" ]; then
            more=$(grown "$series" "$output" | paste -sd ';')
            if [ -n "$more" ]; then
                f=$((f + 1)) note="$note the verifier walks more: $more"
            elif [ -s "$work/verified" ]; then
                p=$((p + 1))
            fi
        fi
        passed=$((passed + p)) failed=$((failed + f))
        rows+=("$(printf '%-26s %-6s %-8s %3d passed %3d failed %5d s  %s' "$version" "${layout%/*}" "${layout#*/}" "$p" "$f" "$seconds" "$note")")
    done
done

# truths SERIES: a line for each choice of hooks and each kind of fact.
truths() {
    awk -v series="$1" -F'[|]' '
        BEGIN {
            signal["syscalls"] = "system calls entered"; signal["execs"] = "programs started"; signal["opens"] = "files opened"
            signal["peers"] = "TCP connections, both ways"; signal["capabilities"] = "capabilities asked for"; signal["names"] = "UDP and SCTP peers, DNS answers"
            signal["listens"] = signal["denied"] = "system calls refused by seccomp, sockets bound and listening"
        }
        $1 == "HOOK" { hook[$2, $3] = $4 }
        /^TRUTH / { lines[++n] = $0 }
        END {
            for (i = 1; i <= n; i++) {
                split(lines[i], word, " ")
                used = hook[word[2], signal[word[3]]]
                if (word[3] == "peers") used = used ", " hook[word[2], signal["names"]]
                printf "%-9s %-8s %-13s %7s %9s %9s  %s\n", series, word[2], word[3], word[4], word[6], word[7], used
            }
        }' "$work/$1/${layouts[0]}/output"
}

echo
printf '%-9s %-8s %-13s %7s %9s %9s  %s\n' kernel hooks facts truth recall precision "used for it"
for series in "$@"; do truths "$series"; done
printf '%s\n' "" "kernel                     cgroup root" "${rows[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
