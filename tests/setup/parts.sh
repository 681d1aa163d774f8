#!/usr/bin/env bash
# parts.sh PART…: runs `make PART` for each, shows how each went and closes with "N passed, N failed".
#
# WITHOUT (names, parted by spaces or commas) leaves parts out, loudly. All parts run, also after one that failed; the exit
# status says whether every one passed. What counts are the checks that test runners say they made, by their closing lines;
# a part without such a line counts as one.
set -euo pipefail

logs=${RUNTIMEMAP_CACHE:?make sets it}/logs
without=" ${WITHOUT:-} "
without=${without//,/ }
mkdir -p "$logs"

for name in $without; do
    case " $* " in
        *" $name "*) ;;
        *) echo "make test: WITHOUT names '$name', which is no part; the parts are: $*" >&2; exit 2 ;;
    esac
done

# Passed and failed checks by the closing lines in a log: cargo's, and the plain one.
counts() {
    awk '/^test result: / { p += $4; f += $6 }
        /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }' "$1"
}

rows=() passed=0 failed=0 left_out=()
for part in "$@"; do
    case $without in
        *" $part "*)
            left_out+=("$part")
            rows+=("$(printf '%-10s LEFT OUT' "$part")")
            continue
            ;;
    esac
    echo "=== $part"
    began=$SECONDS outcome=passed log=$logs/$part.log
    "${MAKE:-make}" --no-print-directory "$part" 2>&1 | tee "$log" || outcome=FAILED
    read -r p f <<<"$(counts "$log")"
    if [ "$outcome" = passed ] && [ $((p + f)) = 0 ]; then p=1; fi
    if [ "$outcome" = FAILED ] && [ "$f" = 0 ]; then f=1; fi
    if [ "$f" != 0 ]; then outcome=FAILED; fi
    passed=$((passed + p)) failed=$((failed + f))
    rows+=("$(printf '%-10s %-8s %6d s %6d passed %6d failed' "$part" "$outcome" $((SECONDS - began)) "$p" "$f")")
done

echo "=== summary (${SECONDS} s)"
printf '%s\n' "${rows[@]}"
if [ ${#left_out[@]} != 0 ]; then
    echo "LEFT OUT by WITHOUT, so neither passed nor failed: ${left_out[*]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
