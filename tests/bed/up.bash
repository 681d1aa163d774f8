# A cluster with runtimemap on it, for suites that run workloads. Sourced by their run.sh, after suite is set to their name.
#
# On a node of its own, or on the cluster of $KUBECONFIG if that is given. There $RUNTIMEMAP_E2E_LOAD, a command, is given each image
# archive ("kind load image-archive", say), and nothing is removed but what the suite made. All is gone when the shell ends.
# What node.sh says of its node is in the environment.
# shellcheck shell=bash

bed=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$bed/../cluster
recorder=${RUNTIMEMAP_RECORDER:?names the static recorder; make $suite sets it}
[ -x "$recorder" ] || { echo "$suite: there is no $recorder: run 'make build'" >&2; exit 1; }
cache=${RUNTIMEMAP_CACHE:?make sets it}
state=$(mktemp -d "${TMPDIR:-/tmp}/runtimemap-$suite.XXXXXX")
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
    echo "$suite: a node is up (${SECONDS} s)"
fi

# Equal inputs make equal images.
key=$(cat "$bed"/{images.sh,acts.c,nginx.conf} "$cluster"/{image,rootfs}.sh <(dpkg-query -W nginx redis-server python3.11-minimal postgresql-15 curl iptables) | sha256sum | cut -c 1-12)
"$bed/images.sh" "$recorder" "$cache/images/$key"
for archive in "$cache/images/$key"/*.tar; do
    if [ -n "$own" ]; then
        "$cluster/node.sh" load "$state/node" "$archive"
    else
        ${RUNTIMEMAP_E2E_LOAD:?names the command that gives an image archive to the nodes of this cluster} "$archive"
    fi
done
echo "$suite: images are there (${SECONDS} s)"

"$bed/install.sh"
# No scenario looks at what the product does itself, but some wait until all is learned.
kubectl annotate namespace runtimemap runtimemap.io/learning-period=5s >/dev/null
echo "$suite: runtimemap is installed (${SECONDS} s)"

# Of a failure: what the system's own pods said last.
said() { kubectl -n runtimemap logs --tail=30 -l app.kubernetes.io/name=runtimemap --prefix >&2 || true; }
