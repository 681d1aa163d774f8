#!/usr/bin/env bash
# dist.sh FOLDER: archives of the plugin for every platform that this machine can build for, with checksums, a list of what is in them
# (CycloneDX), also of the recorder's image, and krew's manifest. Says which platforms it cannot build for, and what they need.
#
# Built again from the same commit with the same toolchain, every file has the same bytes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { echo "usage: dist.sh FOLDER" >&2; exit 2; }
out=$1
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=v$(cargo metadata --no-deps --format-version=1 | jq -r '.packages[] | select(.name == "kubectl-runtimemap").version')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# OS ARCH TARGET LINKER
platforms="
linux amd64 x86_64-unknown-linux-gnu cc
linux arm64 aarch64-unknown-linux-gnu aarch64-linux-gnu-gcc
darwin amd64 x86_64-apple-darwin xcrun
darwin arm64 aarch64-apple-darwin xcrun
windows amd64 x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc
windows arm64 aarch64-pc-windows-gnullvm aarch64-w64-mingw32-clang
"

linked() { # PACKAGE TARGET: what is linked into it, by name, version and licence
    cargo tree --package "$1" --target "$2" --edges normal --prefix none --format '{p}|{l}'
}

sbom() { # PROGRAM: a bill of what is linked into a program, from linked's lines
    sed 's/ ([^)]*)//g' | sort -u \
        | jq --raw-input --slurp --arg version "$version" --arg program "$1" '
            split("\n") | map(select(. != "") | split("|") | (.[0] | split(" ")) as $p |
                {type: "library", name: $p[0], version: ($p[1] | ltrimstr("v")), licenses: [{expression: (.[1] | gsub("/"; " OR "))}],
                 purl: "pkg:cargo/\($p[0])@\($p[1] | ltrimstr("v"))"})
            | {bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
               metadata: {component: {type: "application", name: $program, version: ($version | ltrimstr("v"))}}, components: .}'
}

flags="--remap-path-prefix=$PWD=/runtimemap --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
while read -r os arch target linker; do
    [ -n "$os" ] || continue
    if ! rustup target list --installed | grep -qx "$target"; then
        echo "dist: $os/$arch is left out: it needs 'rustup target add $target' and the linker $linker"
        continue
    fi
    if ! command -v "$linker" >/dev/null; then
        echo "dist: $os/$arch is left out: it needs the linker $linker"
        continue
    fi
    static=
    [ "$os" != linux ] || static=" -C target-feature=+crt-static -C linker=$linker"
    RUSTFLAGS=$flags$static cargo build --locked --release --package kubectl-runtimemap --target "$target"
    binary=${CARGO_TARGET_DIR:-target}/$target/release/kubectl-runtimemap
    [ "$os" != windows ] || binary+=.exe
    krew/pack.sh "$binary" "$os" "$arch" "$out"
    linked kubectl-runtimemap "$target" | sbom kubectl-runtimemap >"$out/kubectl-runtimemap-$os-$arch.cdx.json"
    # The image holds the recorder and nothing else (see deploy/Dockerfile); in that are the programs for the kernel.
    [ "$os" != linux ] || { linked runtimemap-recorder "$target" && linked runtimemap-recorder-ebpf bpfel-unknown-none; } |
        sbom runtimemap-recorder >"$out/runtimemap-recorder-$os-$arch.cdx.json"
    echo "dist: $os/$arch is built"
done <<<"$platforms"
krew/pack.sh --manifest "$version" "$out"
(cd "$out" && sha256sum -- *.tar.gz *.json runtimemap.yaml >SHA256SUMS)
