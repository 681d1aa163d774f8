#!/usr/bin/env bash
# build.sh: builds the programs of a Kubernetes cluster from Go modules, unless the cache has them, and prints the folder they are in:
# kube (etcd and Kubernetes, see kube/main.go) and dns (CoreDNS). About ten minutes on two processors, once; then at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${RUNTIMEMAP_CACHE:-$(cd "$here/../.." && pwd)/.cache}
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/kube/go.mod")
minor=${kubernetes#v1.} version=k8s.io/component-base/version
# Kubernetes tells its version as its own build does; go.mod is where it is chosen.
stamp="-X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}"

die() { echo "cluster: $*" >&2; exit 1; }

key=$(cat "$here"/{kube,dns}/{go.mod,go.sum,main.go} "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-12)
folder=$cache/cluster/$key
mkdir -p "$folder"

# One builds, the others wait for it.
exec 9>"$folder/lock"
flock 9
for program in kube dns; do
    [ ! -x "$folder/$program" ] || continue
    command -v go >/dev/null || die "go is not on PATH: install Go 1.24 or newer to build $program; or leave out what needs a cluster: WITHOUT=\"e2e plugin\""
    echo "cluster: building $program out of $here/$program (minutes)" >&2
    flags='-s -w'
    [ "$program" != kube ] || flags="$flags $stamp"
    (cd "$here/$program" && CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$folder/$program.new" . >"$folder/$program.log" 2>&1) \
        || { tail -15 "$folder/$program.log" >&2; die "failed to build $program; the end of $folder/$program.log is above"; }
    mv "$folder/$program.new" "$folder/$program"
done
if [ ! -x "$folder/pause" ]; then
    gcc -static -Os -o "$folder/pause.new" "$here/pause.c" || die "failed to compile $here/pause.c; are gcc and libc6-dev installed?"
    mv "$folder/pause.new" "$folder/pause"
fi
echo "$folder"
