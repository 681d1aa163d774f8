#!/usr/bin/env bash
# run.sh [FILTER]: the end-to-end suite, on a node of its own, or on the cluster of $KUBECONFIG if that is given. There
# $RUNTIMEMAP_E2E_LOAD, a command, is given each image archive ("kind load image-archive", say), and nothing is removed but what the suite
# made. FILTER chooses scenarios by name.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$here/../cluster
recorder=${RUNTIMEMAP_RECORDER:?names the static recorder; make e2e sets it}
[ -x "$recorder" ] || { echo "e2e: there is no $recorder: run 'make build'" >&2; exit 1; }
cache=${RUNTIMEMAP_CACHE:?make sets it}
state=$(mktemp -d "${TMPDIR:-/tmp}/runtimemap-e2e.XXXXXX")
own=

end() {
    if [ -n "$own" ]; then
        "$cluster/node.sh" down "$state/node"
    elif [ -n "${KUBECONFIG:-}" ]; then
        helm uninstall runtimemap --namespace runtimemap --ignore-not-found >/dev/null || true
        kubectl delete namespace -l runtimemap.io/suite=e2e --wait=false >/dev/null || true
    fi
    rm -rf "$state"
}
trap end EXIT

if [ -z "${KUBECONFIG:-}" ]; then
    own=yes
    "$cluster/node.sh" up "$state/node" >"$state/bed"
    while IFS= read -r line; do export "${line?}"; done <"$state/bed"
    echo "e2e: a node is up (${SECONDS} s)"
fi

# Equal inputs make equal images.
key=$(cat "$here"/{images.sh,acts.c,nginx.conf} "$cluster"/{image,rootfs}.sh <(dpkg-query -W nginx redis-server python3.11-minimal postgresql-15 curl) | sha256sum | cut -c 1-12)
"$here/images.sh" "$recorder" "$cache/images/$key"
for archive in "$cache/images/$key"/*.tar; do
    if [ -n "$own" ]; then
        "$cluster/node.sh" load "$state/node" "$archive"
    else
        ${RUNTIMEMAP_E2E_LOAD:?names the command that gives an image archive to the nodes of this cluster} "$archive"
    fi
done
echo "e2e: images are there (${SECONDS} s)"

"$here/install.sh"
echo "e2e: runtimemap is installed (${SECONDS} s)"

export INSTA_UPDATE=${INSTA_UPDATE:-no}
outcome=0
# Scenarios wait more than they work. Those that change what all share run after them, one by one.
cargo test -p runtimemap-tests --test e2e -- --test-threads=32 --skip alone:: ${1:+"$1"} || outcome=1
cargo test -p runtimemap-tests --test e2e -- --test-threads=1 --nocapture alone:: ${1:+"$1"} || outcome=1
[ $outcome = 0 ] || kubectl -n runtimemap logs --tail=30 -l app.kubernetes.io/name=runtimemap --prefix >&2 || true
echo "e2e: done (${SECONDS} s)"
[ $outcome = 0 ]
