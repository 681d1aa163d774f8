# Processes of a cluster, by the files that name them. Sourced by node.sh, which sets state.
# shellcheck shell=bash
# shellcheck disable=SC2154

die() { echo "cluster: $*" >&2; exit 1; }

# begin NAME COMMAND…: runs it in the background; its words go to log/NAME.log.
begin() {
    local name=$1
    shift
    printf '%s\0' "$@" >"$state/$name.command"
    # The mark in the environment tells later that a pid still is what was started here. Only the first process keeps the lock.
    if [ "$name" = init ]; then
        RUNTIMEMAP_CLUSTER=$state setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null &
    else
        RUNTIMEMAP_CLUSTER=$state setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null 7>&- &
    fi
    echo $! >"$state/$name.pid"
}

# again NAME: what begin ran under this name, once more.
again() {
    local command
    mapfile -d '' -t command <"$state/$1.command" || die "nothing was ever started as $1"
    begin "$1" "${command[@]}"
}

# Whether what begin started under this name still runs.
runs() {
    local pid
    pid=$(cat "$state/$1.pid" 2>/dev/null) && grep -qzxF "RUNTIMEMAP_CLUSTER=$state" "/proc/$pid/environ" 2>/dev/null
}

# halt NAME…: ends them, the stubborn by force, and waits until they are gone.
halt() {
    local name pid
    for name in "$@"; do
        if runs "$name"; then kill "$(cat "$state/$name.pid")" 2>/dev/null || true; fi
    done
    for name in "$@"; do
        pid=$(cat "$state/$name.pid" 2>/dev/null) || continue
        if runs "$name" && ! timeout 10 tail --pid="$pid" -f /dev/null; then
            if runs "$name"; then kill -9 "$pid" 2>/dev/null || true; fi
        fi
        rm -f "$state/$name.pid"
    done
}

# within SECONDS WHAT COMMAND…: waits until the command succeeds; else says what was waited for.
within() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $until ]; then
            tail -n 5 "$state"/log/*.log >&2 || true
            die "waited in vain for $what; the ends of $state/log are above"
        fi
        read -r -t 0.2 _ <> <(:) || true # a pause without a process
    done
}
