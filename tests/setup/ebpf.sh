#!/usr/bin/env bash
# ebpf.sh FOLDER: the two objects below a build's folder hold what kernels of their age take. Kernels that cannot be run are kept
# in reach only so: Linux 5.4 to 5.7 for the one with perf buffers, 5.8 and newer for the one with the ring buffer.
#
# Closes with "N passed, N failed".
set -euo pipefail

release=${1:?usage: ebpf.sh FOLDER}
# The newest: older ones know fewer instructions.
objdump=$(compgen -G '/usr/lib/llvm-*/bin/llvm-objdump' | sort -V | tail -1 || true)
objdump=${objdump:-$(command -v llvm-objdump || true)}
[ -n "$objdump" ] || { echo "ebpf: llvm-objdump is not installed: run 'make setup'" >&2; exit 1; }
# The newest build of several.
out=
for folder in "$release"/build/runtimemap-recorder-*/out; do
    if [ -e "$folder/recorder-ring" ] && { [ -z "$out" ] || [ "$folder/recorder-ring" -nt "$out/recorder-ring" ]; }; then out=$folder; fi
done
[ -n "$out" ] || { echo "ebpf: no object below $release: run 'make build'" >&2; exit 1; }

passed=0 failed=0
verdict() { # WHAT OFFENCES: none is good
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "ebpf: $1: ${2//$'\n'/ }"
    fi
}

# Helpers of a disassembly by number. Calls of its own functions have a negative one.
helpers() { sed -n 's/.*\tcall \(0x[0-9a-f]*\)$/\1/p' "$1.text" | sort -u | while read -r number; do echo $((number)); done; }
programs() { sed -n 's/^Disassembly of section \(.*\):$/\1/p' "$1.text" | sort; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in ring perf; do
    "$objdump" -d --no-show-raw-insn "$out/recorder-$name" >"$work/$name.text"
    "$objdump" -h "$out/recorder-$name" >"$work/$name.sections"
    # Apart, by the hooks' ages (hooks.rs): an older kernel is never shown the programs of a younger hook.
    awk -v file="$work/$name" '
        /^Disassembly of section / {
            age = "old"
            if ($0 ~ / tp_btf\//) age = "5.11"
            if ($0 ~ / tracepoint\/raw_syscalls\//) age = "5.15"
        }
        age { print > (file "-" age ".text") }' "$work/$name.text"
done
cd "$work"

for name in ring perf; do
    verdict "recorder-$name holds no programs" "$([ "$(programs $name | wc -l)" -ge 10 ] || programs $name)"
    verdict "calls in recorder-$name cannot be read" "$([ "$(helpers $name | wc -l)" -ge 5 ] || echo none)"
    verdict "recorder-$name has no BTF" "$(grep -q ' \.BTF ' $name.sections || echo missing)"
    verdict "recorder-$name uses atomics that came with Linux 5.12" "$(grep -oE 'atomic_fetch_[a-z]+|xchg_?[0-9]*|cmpxchg_?[0-9]*' $name.text | sort -u || true)"
    verdict "recorder-$name uses instructions that came with Linux 6.6" "$(grep -oE '\(s(8|16|32)\)|gotol|bswap[0-9]+' $name.text | sort -u || true)"
done
verdict "the objects differ in their programs" "$(diff <(programs ring) <(programs perf) || true)"
# 110 is the last helper of 5.4; 112 to 115 are rewritten by the loader where the kernel lacks them.
verdict "recorder-perf calls helpers newer than Linux 5.4" "$(helpers perf-old | awk '$1 > 110 && ($1 < 112 || $1 > 115)')"
# 134 is the last helper of 5.8.
verdict "recorder-ring calls helpers newer than Linux 5.8" "$(helpers ring-old | awk '$1 > 134')"
for name in ring perf; do
    # 162 is the last helper of 5.11, 175 that of 5.15.
    for age in 5.11:162 5.15:175; do
        verdict "recorder-$name has not two programs of Linux ${age%:*}" "$([ "$(programs "$name-${age%:*}" | wc -l)" = 2 ] || programs "$name-${age%:*}")"
        verdict "recorder-$name calls helpers newer than Linux ${age%:*}" "$(helpers "$name-${age%:*}" | awk -v last="${age#*:}" '$1 > last')"
    done
done
verdict "recorder-perf knows the ring buffer" "$(helpers perf | awk '$1 >= 130 && $1 <= 134')"
verdict "recorder-ring does not know the ring buffer" "$(helpers ring | grep -x '13[0-2]' >/dev/null || echo so)"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
