# shellcheck shell=dash source=/dev/null disable=SC2154
# The second half of init.sh, run when / is what it will stay.
. /settings

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
ip link set lo up

unified() { # FOLDER: the v2 hierarchy there, its controllers open to children
    mkdir -p "$1"
    mount -t cgroup2 cgroup2 "$1"
    # shellcheck disable=SC2013 # words are what is wanted
    for controller in $(cat "$1/cgroup.controllers"); do echo "+$controller" >"$1/cgroup.subtree_control"; done
}
legacy() { # every v1 controller that this kernel still mounts (6.12 refuses memory), each in a folder of its own
    mount -t tmpfs tmpfs /sys/fs/cgroup
    awk '$4 == 1 { print $1 }' /proc/cgroups | while read -r controller; do
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
    done
    mkdir -p /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
}
case $cgroup in
    v2) unified /sys/fs/cgroup ;;
    v1) legacy ;;
    hybrid) legacy; unified /sys/fs/cgroup/unified ;;
esac

echo 1 >/proc/sys/kernel/printk
# The output's line passes bytes as they are, and both lines are drained when they are closed.
stty -F "/dev/$output" raw -echo
setsid sh /command </dev/null >"/dev/$output" 2>&1
status=$?
echo "$status" >"/dev/$ending"
poweroff -f
