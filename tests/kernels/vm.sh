#!/usr/bin/env bash
# vm.sh SERIES [OPTION…] -- COMMAND [ARG…]: runs COMMAND as root in a virtual machine with another kernel.
#
#   --cgroup v1|v2|hybrid   what is mounted at /sys/fs/cgroup (default v2); hybrid has v2 at /sys/fs/cgroup/unified
#   --root plain|overlay    what / is (default plain: the initramfs itself)
#   --file SRC:DST          puts a file or folder there; again and again
#   --program SRC[:DST]     puts a program there, at its own path if no DST is given, with the libraries it loads
#   --module NAME           loads a module (sctp, veth, …); those it needs come along
#   --seconds N             hard deadline (default 120)
#   --memory MIB            memory (default 1024)
#   --cpus N                processors (default 2)
#
# Standard output is what COMMAND wrote, byte for byte; its errors go the same way. The exit status is COMMAND's own;
# 124 when the deadline passed, 125 when the machine did not come so far (the end of its console is then shown).
# No hardware virtualization is needed: QEMU interprets the machine.
set -euo pipefail
trap 'echo "vm: line $LINENO failed" >&2' ERR

here=$(cd "$(dirname "$0")" && pwd)
die() { echo "vm: $*" >&2; exit 125; }
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit "$1"; }

case ${1:-} in '') usage 125 >&2 ;; -h | --help) usage 0 ;; esac
series=$1
shift
cgroup=v2 root=plain seconds=120 memory=1024 cpus=2
files=() programs=() modules=()
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        --*) [ $# -ge 2 ] || die "$1 wants a value" ;;
        *) die "unexpected '$1' before --" ;;
    esac
    case $1 in
        --cgroup) cgroup=$2 ;;
        --root) root=$2 ;;
        --file) files+=("$2") ;;
        --program) programs+=("$2") ;;
        --module) modules+=("$2") ;;
        --seconds) seconds=$2 ;;
        --memory) memory=$2 ;;
        --cpus) cpus=$2 ;;
        *) die "unknown option $1" ;;
    esac
    shift 2
done
[ $# -gt 0 ] || die "no command after --"
case $cgroup in v1 | v2 | hybrid) ;; *) die "--cgroup is v1, v2 or hybrid, not '$cgroup'" ;; esac
case $root in plain) ;; overlay) modules+=(overlay) ;; *) die "--root is plain or overlay, not '$root'" ;; esac
# Three serial lines: the console, the command's output, its exit status. qemu64 is the processor that all of the kernels boot on, cortex-a57
# the plainest one of arm64.
foreign=
case $series in
    *-arm64)
        machine=(qemu-system-aarch64 -M virt -cpu cortex-a57) line=pci-serial console=ttyAMA0 output=ttyS0 ending=ttyS1
        foreign=$("$here/fetch.sh" programs-arm64) || die "there are no programs for $series"
        ;;
    *) machine=(qemu-system-x86_64 -cpu qemu64) line=isa-serial console=ttyS0 output=ttyS1 ending=ttyS2 ;;
esac
for tool in "${machine[0]}" cpio modprobe busybox; do
    command -v "$tool" >/dev/null || die "$tool is not installed: run 'make setup'"
done

kernel=$("$here/fetch.sh" "$series") || die "there is no kernel $series to boot"
version=$(cat "$kernel/version")
work=$(mktemp -d "${TMPDIR:-/tmp}/runtimemap-vm.XXXXXX")
qemu=
trap 'if [ -n "$qemu" ]; then kill "$qemu" || true; fi; rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
tree=$work/tree

put() { # SRC DST
    mkdir -p "$tree$(dirname "$2")"
    cp -rL "$1" "$tree$2" || die "failed to copy $1 into the machine"
}

mkdir -p "$tree"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,run,etc,root,var,lib,lib64,mnt}
put "$foreign$(command -v busybox)" /bin/busybox
put "$here/init.sh" /init
put "$here/mounted.sh" /mounted.sh
chmod 755 "$tree/init"
cp "$here"/etc/* "$tree/etc/"

# The modules asked for and what they need, in the order in which they load.
load=$work/tree/modules
mkdir "$load"
if [ ${#modules[@]} -gt 0 ]; then
    modprobe -d "$kernel" -S "$version" --show-depends -a "${modules[@]}" >"$work/depends" || die "kernel $version lacks one of the modules ${modules[*]}"
    n=100
    while read -r _ path _; do
        name=$(basename "$path")
        case $name in
            *.xz) xz -dc "$path" >"$load/$n-${name%.xz}" ;;
            *) cp "$path" "$load/$n-$name" ;;
        esac
        n=$((n + 1))
    done < <(grep '^insmod ' "$work/depends")
fi

# What programs of another architecture load cannot be asked here.
if [ -n "$foreign" ]; then
    mkdir -p "$tree/usr/lib"
    cp -a "$foreign/usr/lib/aarch64-linux-gnu" "$tree/usr/lib/"
    put "$foreign/lib/ld-linux-aarch64.so.1" /lib/ld-linux-aarch64.so.1
fi
for program in "${programs[@]}"; do
    source=${program%%:*}
    target=${program#*:}
    [ -x "$source" ] || die "$source is no program"
    put "$source" "$target"
    # ldd fails for a static program, which needs nothing more.
    { ldd "$source" 2>/dev/null || true; } | sed -n 's|^[^/]*\(/[^ ]*\).*|\1|p' | sort -u | while read -r library; do
        if [ ! -e "$tree$library" ]; then put "$library" "$library"; fi
    done
done
for file in "${files[@]}"; do
    put "${file%%:*}" "${file#*:}"
done

# The command's words, quoted for the shell inside.
{
    printf 'exec'
    for word in "$@"; do printf " '%s'" "${word//\'/\'\\\'\'}"; done
    echo
} >"$tree/command"
printf '%s\n' "cgroup=$cgroup" "root=$root" "output=$output" "ending=$ending" >"$tree/settings"

(cd "$tree" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) >"$work/initrd" || die "failed to pack the machine's files"

# Its processors take turns: a kernel patches its own code when tracepoints come and go, and with a thread for each of them one
# was once seen to run what another was just patching (a panic in the middle of a jump). It costs no time that can be measured.
# shellcheck disable=SC2054 # the commas are QEMU's
machine+=(-accel "tcg,thread=single" -smp "$cpus" -m "$memory" -nodefaults -display none -no-reboot
    -kernel "$kernel/vmlinuz" -initrd "$work/initrd" -append "console=$console panic=-1 quiet"
    -chardev "file,id=console,path=$work/console" -serial chardev:console
    -chardev stdio,id=output,signal=off -device "$line,chardev=output"
    -chardev "file,id=status,path=$work/status" -device "$line,chardev=status")
# In the background, so that whoever ends this script ends the machine with it.
timeout --foreground --kill-after=5 "$seconds" "${machine[@]}" </dev/null &
qemu=$!
outcome=0
wait "$qemu" || outcome=$?
qemu=

status=$(tr -d '\r\n' <"$work/status" 2>/dev/null || true)
case $status in
    [0-9] | [0-9][0-9] | [0-9][0-9][0-9]) exit "$status" ;;
esac
tail -80 "$work/console" >&2 || true
[ "$outcome" = 124 ] || [ "$outcome" = 137 ] || die "the machine with $version ended before the command did (qemu's status $outcome); the end of its console is above"
echo "vm: the command did not end within $seconds s on $version; the end of the console is above" >&2
exit 124
