# The agent on this kernel: what it leaves pinned, that the next one adopts it, and that `detach` leaves nothing. Read by programs.sh.
# shellcheck shell=dash disable=SC2154 # recorder: programs.sh

# container NUMBER COMMAND…: COMMAND in a container's cgroup, in every hierarchy, as a runtime starts it.
container() {
    id=$(printf '%064d' "$1")
    shift
    enter=
    for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$mount/cgroup.procs" ] && [ "${mount##*/}" != kubepods ] || continue
        mkdir -p "$mount/kubepods/pod00000000-0000-4000-8000-000000000001/$id" || return 1
        enter="$enter echo \$\$ > $mount/kubepods/pod00000000-0000-4000-8000-000000000001/$id/cgroup.procs || exit 1;"
    done
    sh -c "$enter exec $*"
}

# start_agent: in the background, until it records.
start_agent() {
    $recorder agent --node n --kubeconfig /tmp/kubeconfig --state /tmp/state --pins /sys/fs/bpf/rtm --listen 127.0.0.1:9464 2>/tmp/agent.log &
    agent=$!
    for _ in $(seq 600); do
        grep -q 'recording the containers' /tmp/agent.log && return 0
        kill -0 "$agent" 2>/dev/null || break
        sleep 0.1
    done
    cat /tmp/agent.log
    return 1
}

# told PATTERN: waits for a line of the metrics.
told() {
    for _ in $(seq 300); do
        wget -qO /tmp/metrics http://127.0.0.1:9464/metrics && grep -Eq "$1" /tmp/metrics && return 0
        sleep 0.1
    done
    echo "no $1 in"; cat /tmp/metrics /tmp/agent.log
    return 1
}

outlived() {
    mkdir -p /sys/fs/bpf
    mount -t bpf bpf /sys/fs/bpf || return 1
    ip link set lo up
    # Nobody is there: what the agent has to say waits in its ledger.
    echo '{"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}], "users": [{"name": "x", "user": {}}]}' >/tmp/kubeconfig
    for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$mount/cgroup.procs" ] && mkdir -p "$mount/kubepods"
    done
    start_agent || return 1
    container 1 cat /etc/hosts >/dev/null || return 1
    told 'facts_total [1-9]' || return 1
    kill -9 "$agent"
    wait "$agent"
    ls /sys/fs/bpf/rtm/*/links/sys_enter /sys/fs/bpf/rtm/*/links/cgroup_mkdir || { echo "nothing is pinned"; cat /tmp/agent.log; return 1; }
    container 2 cat /etc/hosts >/dev/null || return 1
    start_agent || return 1
    told 'facts_total [1-9]' && told 'containers\{state="(learning|ended)"\} [1-9]' || return 1
    kill -9 "$agent"
    wait "$agent"
    $recorder detach --state /tmp/state --pins /sys/fs/bpf/rtm || return 1
    [ ! -e /sys/fs/bpf/rtm ]
}
