#!/usr/bin/env bash
# runtime.sh: builds a runc that can log what a seccomp filter refuses (the flag SECCOMP_FILTER_FLAG_LOG, which Debian's knows nothing of)
# out of runc/go.mod, unless the cache has it, and prints where it is. About a minute, once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${RUNTIMEMAP_CACHE:-$(cd "$here/../.." && pwd)/.cache}
key=$(cat "$here"/runc/go.{mod,sum} "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-12)
folder=$cache/runtime/$key
mkdir -p "$folder"

# One builds, the others wait for it.
exec 9>"$folder/lock"
flock 9
if [ ! -x "$folder/runc" ]; then
    command -v go >/dev/null || { echo "cluster: go is not on PATH: install Go 1.24 or newer to build runc" >&2; exit 1; }
    echo "cluster: building runc out of $here/runc" >&2
    (cd "$here/runc" && CGO_ENABLED=1 go build -tags seccomp -trimpath -ldflags '-s -w' -o "$folder/runc.new" github.com/opencontainers/runc >"$folder/log" 2>&1) \
        || { tail -15 "$folder/log" >&2; echo "cluster: failed to build runc; the end of $folder/log is above; is libseccomp-dev installed?" >&2; exit 1; }
    mv "$folder/runc.new" "$folder/runc"
fi
echo "$folder/runc"
