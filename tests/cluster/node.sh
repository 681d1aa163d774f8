#!/usr/bin/env bash
# node.sh api|up|down STATE: a real Kubernetes for tests, whose files are in the folder STATE.
#
# api   etcd, API server and controllers on free ports of this machine: no node, no privilege, as many at once as you like.
# up    a whole node with containerd, runc, network plugins, kube-proxy and CoreDNS, in a network of its own with IPv4 and IPv6,
#       named node1. Needs root. One at a time: a second one waits until the first is down.
# down  ends what the two started, and removes STATE.
# load  STATE ARCHIVE…: images (see image.sh) for the node, for pods with imagePullPolicy Never.
# stop  STATE NAME…: ends programs of the cluster, say the apiserver; start STATE NAME… runs them again as they were.
#
# api and up print lines NAME=VALUE: KUBECONFIG, of an administrator; AUDIT, the API server's audit log; STATE; CONTAINERD, MANIFESTS, NETWORK,
# OUTSIDE and SECCOMP of a whole node: its socket, its static pods, its network namespace, the address of this machine, which is a host
# outside the cluster, and the folder below which the kubelet looks for seccomp profiles. There the handler "logging" (of a RuntimeClass)
# is a runc that can log what a filter refuses.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage="usage: node.sh api|up|down STATE | node.sh load STATE ARCHIVE... | node.sh stop|start STATE NAME..."
[ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }
verb=$1 state=$2
shift 2
mkdir -p "$state/log"
state=$(cd "$state" && pwd)
# shellcheck disable=SC2034 # the parts below use them
node=node1 run=/run/runtimemap-node lock=/run/lock/runtimemap-node.lock inside=()

# shellcheck source=process.bash
. "$here/process.bash"
# shellcheck source=pki.bash
. "$here/pki.bash"
# shellcheck source=control.bash
. "$here/control.bash"
# shellcheck source=network.bash
. "$here/network.bash"
# shellcheck source=worker.bash
. "$here/worker.bash"

free_ports() { # COUNT
    python3 -c 'import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(each.getsockname()[1] for each in sockets))' "$1"
}

unused() { [ ! -e "$state/pki" ] || die "$state is in use: node.sh down $state ends it"; }

api() {
    local port etcd peer
    unused
    programs=$("$here/build.sh")
    read -r port etcd peer <<<"$(free_ports 3)"
    server=https://127.0.0.1:$port
    trap 'down' EXIT
    pki 127.0.0.1
    # There is no node to tell the API server's address to.
    control_plane 127.0.0.1 "$port" "$etcd" "$peer" --advertise-address=192.0.2.1 --endpoint-reconciler-type=none
    controllers
    trap - EXIT
    echo "KUBECONFIG=$state/pki/admin.kubeconfig"
    echo "AUDIT=$state/log/audit.json"
    echo "STATE=$state"
}

up() {
    unused
    [ "$(id -u)" = 0 ] || die "a node's containers and networks need root: run it as root, or leave it out: make test WITHOUT='e2e enforce'"
    programs=$("$here/build.sh")
    # shellcheck disable=SC2034 # the parts use them
    runtime=$("$here/runtime.sh")
    # shellcheck disable=SC2034
    server=https://$node4:6443
    take
    trap 'down' EXIT
    # Of one that was killed before it could be taken down.
    clean
    network_up
    first_process
    pki "$node4" "$node6" 127.0.0.1 10.96.0.1 fd96::1
    control_plane 0.0.0.0 6443 2379 2380 --advertise-address="$node4"
    controllers --allocate-node-cidrs=true --cluster-cidr="$pods" --service-cluster-ip-range="$services"
    begin scheduler "${inside[@]}" "$programs/kube" kube-scheduler --kubeconfig="$state/pki/scheduler.kubeconfig" --leader-elect=false
    cgroups_up
    containerd_up
    kubelet_up
    proxy_up
    dns_up
    trap - EXIT
    echo "KUBECONFIG=$state/pki/admin.kubeconfig"
    echo "AUDIT=$state/log/audit.json"
    echo "STATE=$state"
    echo "CONTAINERD=$run/containerd.sock"
    echo "MANIFESTS=$state/manifests"
    echo "NETWORK=/run/netns/$namespace"
    echo "OUTSIDE=$outside4"
    echo "SECCOMP=$state/kubelet/seccomp"
}

# Takes the only node. The lock is the kernel's, and the node's first process keeps it: with that it ends, however it ended.
take() {
    exec 7<>"$lock"
    if ! flock --nonblock 7; then
        echo "cluster: waiting for the node of $(cat "$lock")" >&2
        flock --timeout 900 7 || die "the node of $(cat "$lock") is still up: node.sh down ends it"
    fi
    echo "$state" >"$lock"
}

# Whether the last to take it was this one.
taken() { [ "$(cat "$lock" 2>/dev/null)" = "$state" ]; }

# What a node leaves on this machine besides its processes.
clean() {
    cgroups_down
    network_down
    rm -rf "$run"
}

down() {
    trap - EXIT
    # Of a node the first process takes all others with it.
    halt init apiserver controller-manager etcd
    if taken; then
        exec 7<>"$lock"
        # Whoever had the lock meanwhile has cleaned up too.
        if flock --timeout 10 7 && taken; then
            clean
            : >"$lock"
        fi
    fi
    rm -rf "$state"
}

case $verb in
    api | up | down) "$verb" ;;
    load) load "$@" ;;
    stop) halt "$@" ;;
    start) for name in "$@"; do again "$name"; done ;;
    *) echo "$usage" >&2; exit 2 ;;
esac
