# The node's own network: a namespace and a cable to this machine, which so is a host outside the cluster. Sourced by node.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

# Outside and inside end of the cable, and what pods and Services get, in both families. Nobody else has these here; only one
# node is up at a time.
outside4=10.90.0.1 node4=10.90.0.2 outside6=fd90::1 node6=fd90::2
pods=10.88.0.0/16,fd88::/48 services=10.96.0.0/16,fd96::/112 dns4=10.96.0.10
namespace=runtimemap-node cable=runtimemap0

network_up() {
    ip netns add "$namespace"
    ip link add "$cable" type veth peer name eth0 netns "$namespace"
    ip address add "$outside4/24" dev "$cable"
    ip -6 address add "$outside6/64" dev "$cable" nodad
    ip link set "$cable" up
    ip -n "$namespace" address add "$node4/24" dev eth0
    ip -n "$namespace" -6 address add "$node6/64" dev eth0 nodad
    ip -n "$namespace" link set lo up
    ip -n "$namespace" link set eth0 up
    ip -n "$namespace" route add default via "$outside4"
    ip -n "$namespace" -6 route add default via "$outside6"
    # Of this namespace alone: the node forwards, and packets between pods pass its filters as those of others do.
    local setting
    for setting in ipv4/ip_forward ipv6/conf/all/forwarding bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables; do
        nsenter "--net=/run/netns/$namespace" sh -c "echo 1 >/proc/sys/net/$setting" || die "failed to set /proc/sys/net/$setting: the node cannot forward packets"
    done
}

network_down() {
    ip netns delete "$namespace" 2>/dev/null || true
    ip link delete "$cable" 2>/dev/null || true
}

# cni RANGE…: pods get addresses out of these.
cni() {
    local ranges
    ranges=$(printf ',[{"subnet": "%s"}]' "$@")
    mkdir -p "$state/cni"
    cat >"$state/cni/10-bridge.conflist.new" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam": {
    "type": "host-local", "dataDir": "$state/addresses", "ranges": [${ranges:1}], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
    mv "$state/cni/10-bridge.conflist.new" "$state/cni/10-bridge.conflist"
}
