# nginx in a container made by runc alone: this machine's files, the server's network. Sourced by run.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # run.sh sets work, server, container and started

# container_start FILTER COMMAND…: runs the command under the filter, with the capabilities that the map says it used.
container_start() {
    local filter=$1 bundle=$work/bundle
    shift
    mkdir -p "$bundle/rootfs" "$work/runc"
    mount --bind / "$bundle/rootfs"
    mount --make-private "$bundle/rootfs"
    kubectl runtimemap show -f "$work/web.yaml" -o json applicationprofile/command-web >"$work/profile.json"
    jq --null-input --slurpfile filter "$filter" --slurpfile profile "$work/profile.json" --arg work "$work" \
        --arg network "/run/netns/$server" --arg cgroup "/$container" -f "$here/container.jq" --args -- "$@" >"$bundle/config.json"
    runc --root "$work/runc" run --bundle "$bundle" "$container" >"$work/container.log" 2>&1 &
    started+=($!)
}

container_pid() { runc --root "$work/runc" state "$container" | jq .pid; }

container_stop() {
    runc --root "$work/runc" kill "$container" QUIT
    wait "${started[-1]}" || die "nginx ended with status $? in its container"
    unset 'started[-1]'
}

container_remove() {
    if [ -d "$work/runc/$container" ]; then runc --root "$work/runc" delete --force "$container"; fi
    if mountpoint -q "$work/bundle/rootfs"; then umount "$work/bundle/rootfs"; fi
}
