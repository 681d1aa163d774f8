#!/usr/bin/env bash
# images.sh RECORDER OUT: the images that the workloads of the end-to-end suite run, and the product's own, as archives in the folder OUT,
# out of installed Debian packages and static binaries. An image that is there already is not made again.
set -euo pipefail

recorder=$1 out=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

image() { # NAME COMMAND…: of what is in the folder NAME of work
    local name=$1
    shift
    "$here/../cluster/image.sh" "$out/$name.tar.new" "localhost/runtimemap-e2e/$name:1" "$work/$name" "$@"
    mv "$out/$name.tar.new" "$out/$name.tar"
}
missing() { [ ! -e "$out/$1.tar" ]; }
root() { "$here/../cluster/rootfs.sh" "$work/$1" "${@:2}"; }

if missing nginx; then
    root nginx nginx nginx-common
    cp "$here/nginx.conf" "$work/nginx/etc/nginx/nginx.conf"
    image nginx /usr/sbin/nginx
fi
if missing redis; then
    root redis redis-server redis-tools
    image redis /usr/bin/redis-server --save "" --protected-mode no --bind "* -::*"
fi
if missing postgres; then
    root postgres postgresql-15 postgresql-client-15 /usr/bin/busybox
    ln -s busybox "$work/postgres/usr/bin/sh"
    image postgres /bin/sh -c 'export PATH=/usr/lib/postgresql/15/bin LC_ALL=C; initdb --no-sync -D /tmp/data >/dev/null && exec postgres -D /tmp/data -k /tmp -h 0.0.0.0'
fi
if missing python; then
    root python python3-minimal python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
    image python /usr/bin/python3
fi
if missing client; then
    root client /usr/bin/curl /usr/bin/busybox
    for name in sh cat id sleep nc nslookup ls; do ln -s busybox "$work/client/usr/bin/$name"; done
    image client /bin/sh
fi
if missing iptables; then
    root iptables iptables
    image iptables /usr/sbin/iptables-nft
fi
if missing acts; then
    mkdir -p "$work/acts/act"
    gcc -static -Os -Wall -Wextra -o "$work/acts/acts" "$here/acts.c"
    for number in $(seq -w 1 40); do echo "$number" >"$work/acts/act/$number"; done
    image acts /acts 5
fi
mkdir -p "$work/recorder"
cp "$recorder" "$work/recorder/runtimemap-recorder"
image recorder /runtimemap-recorder
