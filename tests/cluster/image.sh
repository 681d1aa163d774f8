#!/usr/bin/env bash
# image.sh OUT IMAGE FOLDER COMMAND…: an image of one layer, FOLDER as it is but owned by root, whose entrypoint is COMMAND; written to the file
# OUT as `docker save` does. Equal folders make equal images.
set -euo pipefail

[ $# -ge 4 ] || { echo "usage: image.sh OUT IMAGE FOLDER COMMAND..." >&2; exit 2; }
out=$1 image=$2 folder=$3
shift 3
work=$(mktemp -d "${TMPDIR:-/tmp}/image.XXXXXX")
trap 'rm -rf "$work"' EXIT

tar=(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner)
"${tar[@]}" -C "$folder" -cf "$work/layer.tar" .
layer=$(sha256sum <"$work/layer.tar" | cut -d ' ' -f 1)
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
jq --null-input --compact-output --arg layer "sha256:$layer" --arg architecture "$architecture" \
    '{architecture: $architecture, os: "linux", config: {Entrypoint: $ARGS.positional, Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
      rootfs: {type: "layers", diff_ids: [$layer]}}' --args -- "$@" >"$work/config.json"
jq --null-input --compact-output --arg image "$image" '[{Config: "config.json", RepoTags: [$image], Layers: ["layer.tar"]}]' >"$work/manifest.json"
"${tar[@]}" -C "$work" -cf "$out" manifest.json config.json layer.tar
