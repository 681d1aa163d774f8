#!/usr/bin/env bash
# run.sh [FILE]: records Debian's nginx under real requests, prints its map, its network policy and its seccomp filter, then runs it
# again in a container under that filter and shows that it still serves. The recording is kept in FILE.
#
# Everything happens in two network namespaces of its own, joined by a cable; what was started is ended and what was made is
# removed, also on failure. Needs root. RUNTIMEMAP_RECORDER and RUNTIMEMAP_PLUGIN name the two binaries (`make demo` sets them).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
recorder=${RUNTIMEMAP_RECORDER:?names the recorder; make demo sets it}
plugin=${RUNTIMEMAP_PLUGIN:?names the plugin; make demo sets it}

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
die() { echo "demo: $*" >&2; exit 1; }

keep=${1:+$(realpath "$1")}
[ "$(id -u)" = 0 ] || die "loads eBPF programs and makes network namespaces, which needs root; run it as root"
for tool in nginx curl runc dnsmasq kubectl jq ip nsenter python3; do
    command -v "$tool" >/dev/null || die "$tool is not on PATH; 'make setup' installs what the demo needs"
done
for binary in "$recorder" "$plugin"; do
    [ -x "$binary" ] || die "$binary is not there; 'make build' makes it"
done

work=$(mktemp -d /tmp/runtimemap-demo.XXXXXX)
chmod 755 "$work" # nginx' workers are www-data
server=runtimemap-server-$$ client=runtimemap-client-$$ container=runtimemap-demo-$$
started=() # processes to end, the newest last

# shellcheck source-path=SCRIPTDIR
. "$here/container.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/network.sh"

clean_up() {
    local outcome=$? pid
    trap - EXIT INT TERM
    set +e
    container_remove
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    network_remove
    if [ "$outcome" != 0 ]; then
        echo "demo: failed; what its programs said:" >&2
        tail -n 5 "$work"/*.log >&2
    fi
    rm -rf --one-file-system "$work"
    exit "$outcome"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until_true SECONDS WHAT COMMAND…: waits until the command succeeds.
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "failed to see $what in time"
        sleep 0.05
    done
}

# The client finds the server by its name, over IPv4 and IPv6, and asks for pages, one of which the server fetches elsewhere.
requests() {
    local page status
    for page in / /page-1.html /page-2.html /missing.html /stock/; do
        for version in -4 -6; do
            status=$(in_client curl --silent --show-error --max-time 10 "$version" -o /dev/null -w '%{http_code} from %{remote_ip}' \
                "http://web.shop.example$page") || die "failed to get $page"
            printf '  GET %-14s %s\n' "$page" "$status"
            case $page$status in
                /missing.html404*) ;;
                /missing.html*) die "a page that is not there answers $status" ;;
                *200*) ;;
                *) die "$page answers $status" ;;
            esac
        done
    done
}
serves() { in_client curl --silent --fail --max-time 2 http://web.shop.example/; }

heading "A small network: a client, a name server and a stock service on one side, nginx on the other"
network_make
nginx_configure "$work/nginx"
echo "  $(nginx -v 2>&1), $(runc --version | head -1), Linux $(uname -r)"

heading "nginx is recorded from its first instruction, while the client asks for pages"
nginx=("$(command -v nginx)" -p "$work/nginx" -e error.log -c nginx.conf)
nsenter --net="/run/netns/$server" "$recorder" record --quiet --name web --namespace shop --output "$work/web.yaml" \
    -- "${nginx[@]}" >"$work/recorder.log" 2>&1 &
recording=$!
started+=("$recording")
until_true 30 "nginx serve" serves
requests
kill -QUIT "$recording" # goes on to nginx
wait "$recording" || die "the recording ended with status $?: $(tail -1 "$work/recorder.log")"
unset 'started[-1]'
[ -z "$keep" ] || cp "$work/web.yaml" "$keep"
echo "  the recording: $(stat -c %s "$work/web.yaml") bytes, $(grep -c '^kind:' "$work/web.yaml") objects"

mkdir "$work/bin"
ln -s "$plugin" "$work/bin/kubectl-runtimemap"
PATH=$work/bin:$PATH

heading "kubectl runtimemap show -f web.yaml"
kubectl runtimemap show -f "$work/web.yaml"

heading "kubectl runtimemap policy export -f web.yaml"
kubectl runtimemap policy export -f "$work/web.yaml"

heading "kubectl runtimemap seccomp export -f web.yaml > web.json"
kubectl runtimemap seccomp export -f "$work/web.yaml" >"$work/web.json"
jq -r '"  others: \(.defaultAction), errno \(.defaultErrnoRet)", (.syscalls[] | "  \(.names | length) calls: \(.action)")' "$work/web.json"
jq -r '[.syscalls[] | select(.action == "SCMP_ACT_ALLOW").names[]] | join(" ")' "$work/web.json" | fold -s -w 98 | sed 's/^/    /'

heading "The same nginx in a container, under that filter and with no other capability than the map has"
container_start "$work/web.json" "${nginx[@]}"
until_true 30 "nginx serve in its container" serves
requests
master=$(container_pid)
for process in "$master" $(cat "/proc/$master/task/$master/children"); do
    filtered=$(sed -n 's/^Seccomp:\t//p' "/proc/$process/status")
    printf '  %s: Seccomp: %s\n' "$(tr '\0' ' ' <"/proc/$process/cmdline" | cut -c1-40)" "$filtered"
    [ "$filtered" = 2 ] || die "process $process runs without the filter"
done

heading "What nginx never did stays forbidden there"
page=$work/nginx/pages/index.html
echo "  \$ runc exec $container ln index.html copy.html"
if refused=$(runc --root "$work/runc" exec "$container" ln "$page" "$page.copy" 2>&1); then
    die "a hard link was allowed under nginx' filter"
fi
case $refused in *"Function not implemented" | *"Operation not permitted") ;; *) die "ln failed for another reason: $refused" ;; esac
echo "  ${refused//$work/…}"
container_stop

heading "Done in $SECONDS s"
