#!/bin/busybox sh
# shellcheck shell=dash source=/dev/null disable=SC2154
# The first process of the virtual machine: mounts what a real one has, runs /command and reports its exit status (see vm.sh).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

/bin/busybox --install -s /bin
. /settings

mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
for module in /modules/*.ko; do
    [ -e "$module" ] || continue
    # One that wants a processor feature this machine lacks (crc32c-intel) has a plain stand-in in the kernel.
    insmod "$module" || echo "init: $module did not load"
done

if [ "$root" = overlay ]; then
    # The initramfs below, a tmpfs above; then everything is mounted anew inside.
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root || echo "init: no overlay root"
    mount -t devtmpfs devtmpfs /mnt/root/dev
    mount -t proc proc /mnt/root/proc
    cd /mnt/root || poweroff -f
    mount --move . /
    exec chroot . /bin/sh /mounted.sh
fi
exec /bin/sh /mounted.sh
