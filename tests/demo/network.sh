# Two network namespaces and the cable between them; what serves on the client's side. Sourced by run.sh.
#
# The addresses are those of documentation (RFC 5737, RFC 3849): nobody else has them.
# shellcheck shell=bash
# shellcheck disable=SC2154 # run.sh sets work, server, client and here

# As a machine of its own, with its own name server.
in_client() {
    # shellcheck disable=SC2016 # the inner shell expands
    nsenter --net="/run/netns/$client" unshare --mount sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$work/resolv.conf" "$@"
}

network_make() {
    ip netns add "$server"
    ip netns add "$client"
    ip -n "$server" link add cable type veth peer name cable netns "$client"
    local addresses name
    for name in "$server" "$client"; do
        ip -n "$name" link set lo up
        ip -n "$name" link set cable up
    done
    for addresses in "$server 192.0.2.10/24" "$server 2001:db8::10/64" "$client 192.0.2.20/24" "$client 2001:db8::20/64" \
        "$client 192.0.2.30/24" "$client 192.0.2.53/24"; do
        # shellcheck disable=SC2086 # a namespace and an address
        set -- $addresses
        case $2 in *:*) set -- "$@" nodad ;; esac
        ip -n "$1" address add "${@:2}" dev cable
    done
    echo "nameserver 192.0.2.53" >"$work/resolv.conf"

    nsenter --net="/run/netns/$client" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
        --pid-file= --bind-interfaces --listen-address=192.0.2.53 --host-record=web.shop.example,192.0.2.10,2001:db8::10 \
        --host-record=stock.shop.example,192.0.2.30 >"$work/dnsmasq.log" 2>&1 &
    started+=($!)
    mkdir "$work/stock"
    echo '{"apples": 3}' >"$work/stock/index.html"
    nsenter --net="/run/netns/$client" python3 -m http.server --bind 192.0.2.30 --directory "$work/stock" 8000 >"$work/stock.log" 2>&1 &
    started+=($!)
    until_true 20 "the stock service and its name" in_client curl --silent --fail --max-time 2 http://stock.shop.example:8000/
    echo "  web.shop.example 192.0.2.10 2001:db8::10, stock.shop.example 192.0.2.30, name server 192.0.2.53, client 192.0.2.20 2001:db8::20"
}

nginx_configure() {
    mkdir -p "$1/pages"
    local page
    for page in index page-1 page-2; do
        seq -f "<p>$page, line %g" 200 >"$1/pages/$page.html"
    done
    cp "$here/nginx.conf" "$1/nginx.conf"
}

network_remove() {
    ip netns delete "$server" 2>/dev/null
    ip netns delete "$client" 2>/dev/null
}
