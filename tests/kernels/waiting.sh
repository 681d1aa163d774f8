# More opens that wait than the kernel tells the ends of: recorded in the virtual machine (see programs.sh). What else is to be done meanwhile
# is the first word.
# shellcheck shell=dash
set -e
mkdir -p /tmp/waiting
cd /tmp/waiting
all=$(seq 40)
for each in $all; do [ -p "fifo$each" ] || mkfifo "fifo$each"; done
waiting=
for each in $all; do
    (: <"fifo$each") &
    waiting="$waiting $!"
done
# Asleep, each of them, for want of a writer.
patience=$(($(date +%s) + 120))
for each in $waiting; do
    until read -r _ _ state _ <"/proc/$each/stat" && [ "$state" = S ]; do
        if [ "$(date +%s)" -gt "$patience" ]; then
            echo "process $each does not wait: $state"
            # shellcheck disable=SC2086 # a list
            kill $waiting
            exit 1
        fi
    done
done
cat /etc/hosts >/dev/null
cat /etc/nothing-here 2>/dev/null || true
$1
for each in $all; do : >"fifo$each"; done
wait
