# The node: containerd, kubelet, kube-proxy and CoreDNS. Sourced by node.sh, which sets state, programs, node and run.
# shellcheck shell=bash
# shellcheck disable=SC2154

# The node's first process, in namespaces of its own: whatever looks for the node by process 1 finds it, and with it all others end.
first_process() {
    # With a file system for pinned programs, as systemd gives every node.
    begin init nsenter "--net=/run/netns/$namespace" unshare --pid --fork --mount --mount-proc \
        sh -c "mount --make-rshared / && mount -t bpf bpf /sys/fs/bpf && exec $programs/pause"
    within 10 "the node's first process" first_is_pause
    pgrep -P "$(cat "$state/init.pid")" >"$state/init.new"
    mv "$state/init.new" "$state/init.pid"
    inside=(nsenter --target "$(cat "$state/init.pid")" --net --pid --mount)
}
first_is_pause() { [ "$(readlink "/proc/$(pgrep -P "$(cat "$state/init.pid")")/exe")" = "$programs/pause" ]; }

containerd_up() {
    mkdir -p "$run" "$state/cni"
    cat >"$state/containerd.toml" <<TOML
version = 2
root = "$state/containerd"
state = "$run/containerd"
[grpc]
  address = "$run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # This machine's root may lack the right to make a process less killable.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  # For pods of a RuntimeClass with this handler.
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.logging]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.logging.options]
      BinaryName = "$runtime"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
TOML
    begin containerd "${inside[@]}" containerd --config "$state/containerd.toml"
    within 30 "containerd" ctr --address "$run/containerd.sock" version
    own_image pause localhost/pause:1
}

# load ARCHIVE…: gives images to containerd.
load() {
    local archive
    for archive in "$@"; do
        ctr --address "$run/containerd.sock" --namespace k8s.io images import "$archive" >>"$state/log/images.log" 2>&1 \
            || { tail -3 "$state/log/images.log" >&2; die "failed to load $archive"; }
    done
}

own_image() { # PROGRAM IMAGE: of one of the programs that build.sh made
    mkdir -p "$state/image"
    cp "$programs/$1" "$state/image/"
    "$here/image.sh" "$state/image.tar" "$2" "$state/image" "/$1"
    load "$state/image.tar"
    rm -r "$state/image" "$state/image.tar"
}

# Where the kubelet's cgroups are: below a group that is removed with the node, in every hierarchy.
cgroup=/runtimemap-node
hierarchies() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts; }

cgroups_up() {
    local root
    for root in $(hierarchies); do
        mkdir -p "$root$cgroup"
        # A cpuset has to be filled before it holds a process.
        if [ -e "$root$cgroup/cpuset.cpus" ] && [ ! -e "$root/cgroup.controllers" ]; then
            cat "$root/cpuset.cpus" >"$root$cgroup/cpuset.cpus"
            cat "$root/cpuset.mems" >"$root$cgroup/cpuset.mems"
        fi
    done
}

cgroups_down() {
    local root
    for root in $(hierarchies); do
        [ ! -d "$root$cgroup" ] || find "$root$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

kubelet_up() {
    mkdir -p "$state/manifests"
    cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$run/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: $cgroup
failCgroupV1: false
failSwapOn: false
staticPodPath: $state/manifests
clusterDNS: [$dns4]
clusterDomain: cluster.local
resolvConf: /dev/null
oomScoreAdj: -1
# Tests look for what changed at once.
syncFrequency: 10s
fileCheckFrequency: 1s
nodeStatusUpdateFrequency: 10s
# What is killed again and again comes back at once.
featureGates: {KubeletCrashLoopBackOffMax: true}
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
# Nothing is thrown out for want of room.
localStorageCapacityIsolation: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%"}
YAML
    begin kubelet "${inside[@]}" "$programs/kube" kubelet --config="$state/kubelet.yaml" --kubeconfig="$state/pki/kubelet.kubeconfig" \
        --hostname-override="$node" --node-ip="$node4,$node6" --root-dir="$state/kubelet"
    within 60 "the node's ranges" ranges_given
    # shellcheck disable=SC2046 # one word each
    cni $(ranges)
    within 60 "the node to be ready" kubectl_admin wait --for=condition=Ready "node/$node" --timeout=1s
}

ranges() { kubectl_admin get node "$node" -o jsonpath='{.spec.podCIDRs[*]}'; }
ranges_given() { [ -n "$(ranges)" ]; }

proxy_up() {
    begin proxy "${inside[@]}" "$programs/kube" kube-proxy --kubeconfig="$state/pki/proxy.kubeconfig" --hostname-override="$node" \
        --proxy-mode=iptables --cluster-cidr="$pods" --conntrack-max-per-core=0
}

dns_up() {
    own_image dns localhost/coredns:1
    kubectl_admin apply -f "$here/dns.yaml" >>"$state/log/dns.log"
    within 60 "CoreDNS" kubectl_admin -n kube-system wait --for=condition=Available deployment/coredns --timeout=1s
}
