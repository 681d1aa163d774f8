#!/usr/bin/env bash
# pack.sh BINARY OS ARCH FOLDER: one archive of the plugin. pack.sh --manifest VERSION FOLDER: krew's manifest of those in the folder.
#
# The same binary and licence give the same bytes, whenever and wherever it is packed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage="usage: pack.sh BINARY OS ARCH FOLDER | pack.sh --manifest VERSION FOLDER"

archive() { # BINARY OS ARCH FOLDER
    local name=kubectl-runtimemap work
    [ "$2" != windows ] || name+=.exe
    work=$(mktemp -d)
    install -m 755 "$1" "$work/$name"
    install -m 644 "$root/LICENSE" "$work/LICENSE"
    tar --create --directory "$work" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" \
        LICENSE "$name" | gzip --no-name --best >"$4/kubectl-runtimemap-$2-$3.tar.gz"
    rm -r "$work"
}

manifest() { # VERSION FOLDER
    local text platform file sum made=()
    text=$(sed -e '/^#/d' -e "s/@VERSION@/$1/g" "$root/krew/runtimemap.yaml")
    for file in "$2"/kubectl-runtimemap-*.tar.gz; do
        [ -e "$file" ] || { echo "pack.sh: no archive in $2" >&2; exit 1; }
        platform=$(basename "$file" .tar.gz)
        platform=${platform#kubectl-runtimemap-}
        sum=$(sha256sum "$file")
        text=${text//@SHA256-$platform@/${sum%% *}}
        made+=("$platform")
    done
    # A platform without a checksum has no archive: its four lines go.
    awk '/^  - selector:/ { held = $0; kept = 1; block = 1 }
         block { if (!/^  - selector:/) held = held "\n" $0; if (/@SHA256-/) kept = 0; if (/^    bin:/) { if (kept) print held; block = 0 } next }
         { print }' <<<"$text" >"$2/runtimemap.yaml"
    echo "krew manifest for ${made[*]}"
}

case ${1:-} in
--manifest) [ $# = 3 ] || { echo "$usage" >&2; exit 2; }; manifest "$2" "$3" ;;
*) [ $# = 4 ] || { echo "$usage" >&2; exit 2; }; archive "$@" ;;
esac
