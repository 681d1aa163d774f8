# What is run in each virtual machine: one result line per program (see run.sh). The shell is busybox's.
# shellcheck shell=dash

recorder=/bin/runtimemap-recorder
# shellcheck source=tests/kernels/network.sh
. /network.sh
# shellcheck source=tests/kernels/age.sh
. /age.sh
# shellcheck source=tests/kernels/truth.sh
. /truth.sh

# Kernels of 7 interrupt programs for other processes, and skip them meanwhile. On no other is anything skipped.
case $(uname -r) in 7.*) tries=5 ;; *) tries=1 ;; esac

# result NAME STATUS: what run.sh reads.
result() {
    if [ "$2" = 0 ]; then echo "RESULT passed $1"; else echo "RESULT failed $1"; fi
}

# attempt NAME COMMAND…: passes if COMMAND does; its output is shown only if it fails. Where the kernel skips programs, a run in which it skipped some of
# the recorder's cannot be compared with anything, and is made again.
attempt() {
    attempt_name=$1
    shift
    for _ in $(seq "$tries"); do
        AVOID=
        rm -f /tmp/skipped
        if "$@" >/tmp/said 2>&1; then
            result "$attempt_name" 0
            return
        fi
        [ -e /tmp/skipped ] || break
        echo "$attempt_name: the kernel skipped programs: $(cat /tmp/skipped)"
    done
    result "$attempt_name" 1
    sed 's/^/    /' /tmp/said | tail -40
}

# record NAME COMMAND…: leaves the map in /tmp/NAME.yaml. The exit status is COMMAND's, 125 if the recorder failed.
record() {
    record_name=$1
    shift
    # shellcheck disable=SC2086 # AVOID is a list of options
    $recorder record --quiet ${AVOID:-} --name "$record_name" --output "/tmp/$record_name.yaml" -- "$@"
    record_status=$?
    grep -B1 -A2 'cause: Missed' "/tmp/$record_name.yaml" | tr -s ' \n' ' ' >>/tmp/skipped || true
    [ -s /tmp/skipped ] || rm -f /tmp/skipped
    return $record_status
}

# holds FILE PATTERN…: every pattern is somewhere in it.
holds() {
    file=$1
    shift
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$file" || { echo "$file lacks $pattern"; sed -n '1,150p' "$file"; return 1; }
    done
}

# Programs that the kernel would interrupt are not used, or else what that costs is said.
interrupted() {
    $recorder check >/tmp/interrupted || return 1
    case $(uname -r) in
        7.*)
            holds /tmp/interrupted 'used: perf/sys_enter' 'used: perf/sys_exit' 'used: kprobe/do_filp_open' 'used: kprobe/cap_capable' \
                'not used: tp_btf/sys_enter: this kernel interrupts' 'not used: fexit/do_filp_open: this kernel interrupts' || return 1
            $recorder check --avoid perf >/tmp/interrupted || return 1
            holds /tmp/interrupted 'used: tp_btf/sys_enter' 'limits: this kernel interrupts'
            ;;
        *) ! grep -q 'this kernel interrupts' /tmp/interrupted ;;
    esac
}

files() {
    record files sh -c 'cat /etc/hosts >/tmp/copy' || return 1
    holds /tmp/files.yaml '/etc/hosts' '/tmp/copy' '/bin/busybox' 'O_CREAT'
}

# A clock that is set while something is recorded: nothing is lost, and nothing happened before it was or long after.
clock() {
    clock_before=$(date +%s)
    record clock sh -c '
        : >/tmp/at-the-beginning
        date -s "2001-01-01 00:00:00" && : >/tmp/in-2001
        date -s "2037-01-01 00:00:00" && : >/tmp/in-2037'
    clock_status=$?
    date -s "@$clock_before" >/dev/null
    [ "$clock_status" = 0 ] || return 1
    holds /tmp/clock.yaml /tmp/at-the-beginning /tmp/in-2001 /tmp/in-2037 'reason: NothingLost' firstSeen || return 1
    ! grep -q 'firstSeen: .*\(2001\|2037\)-' /tmp/clock.yaml
}

failed_open() {
    record failed-open sh -c 'cat /etc/nothing-here' && return 1
    ! grep -q 'path: /etc/nothing-here' /tmp/failed-open.yaml
}

# 1C03 is 7171; the client tries once somebody listens.
tcp() {
    # shellcheck disable=SC2016 # for the recorded shell
    record tcp sh -c 'nc -l -p 7171 </dev/null >/dev/null &
        for _ in $(seq 1000); do if grep -q ":1C03 .* 0A " /proc/net/tcp6; then break; fi; done
        nc 127.0.0.1 7171 </etc/hosts; wait' || return 1
    holds /tmp/tcp.yaml '7171' '127\.0\.0\.1'
}

# The facts of the program: without what differs from run to run, and without what says which rungs there were.
facts() {
    grep -Ev 'firstSeen|startedAt|completesAt|uid|lastTransitionTime|message: |reason: |status: "' "$1"
}

climb() {
    rm -rf /tmp/ladder
    mkdir /tmp/ladder
    record ladder bash /ladder.bash
}

# Every rung of a ladder sees what the first one saw, of real programs that open, write, look around, connect and use privileges.
ladders() {
    climb || return 1
    holds /tmp/ladder.yaml 'CHOWN' 'SYS_CHROOT' '/usr/bin/tar' '/tmp/ladder/etc.tar' '7272' || return 1
    facts /tmp/ladder.yaml >/tmp/first
    for AVOID in '--avoid tp_btf --avoid fexit/do_filp_open --avoid fexit/cap_capable' \
        '--avoid fexit/do_filp_open --avoid fexit/cap_capable --avoid kprobe/do_filp_open'; do
        climb || return 1
        facts /tmp/ladder.yaml >/tmp/other
        diff /tmp/first /tmp/other || { echo "differs with $AVOID"; return 1; }
    done
}

# Without a ring buffer (before 5.8): the facts of the first rungs through a perf buffer per processor, and none lost.
perf() {
    AVOID='--avoid ringbuf'
    # shellcheck disable=SC2086 # a list of options
    $recorder check $AVOID >/tmp/perf.check || return 1
    holds /tmp/perf.check 'perf buffers' || return 1
    climb || return 1
    holds /tmp/ladder.yaml 'reason: NothingLost' '/tmp/ladder/etc.tar' || return 1
    facts /tmp/ladder.yaml >/tmp/other
    diff /tmp/first /tmp/other || return 1
    udp_once && dns_once
}

# Opens beyond those whose ends the kernel tells of: those of system calls are seen all the same, and one by io_uring is counted.
waiting() {
    AVOID='--avoid fexit'
    record waiting sh /waiting.sh || return 1
    holds /tmp/waiting.yaml '/etc/hosts' 'reason: NothingLost' || return 1
    found=$(grep -c 'path: /tmp/waiting/fifo' /tmp/waiting.yaml)
    [ "$found" = 40 ] || { echo "of 40 opens that waited $found are there"; return 1; }
    # Found when the system call ends, and, by a worker, when that ends.
    for each in /built/ring '/built/ring worker'; do
        record ring sh /waiting.sh "$each" || return 1
        if grep -q '/built/ring.c' /tmp/ring.yaml; then echo "the kernel told of all ends: this shows nothing"; return 1; fi
        grep -A1 'cause: Missed' /tmp/ring.yaml | grep -q 'count: 1$' || { echo "$each: no loss, or others"; grep -A3 'losses:' /tmp/ring.yaml; return 1; }
    done
}

# Random schedules of the agent (see recorder/tests/agent/conservation.rs), with the best hooks and with kprobes.
conservation() {
    conserve what_is_missing_lies_in_a_counted_loss || return 1
    # On 7 kprobes are the best. Before Linux 5.15 they cannot be pinned: there each time that nobody records counts, which says nothing of them.
    case $(uname -r) in 5.* | 7.*) ;; *) conserve what_is_missing_lies_in_a_counted_loss AVOID=fexit || return 1 ;; esac
    conserve what_was_skipped_before_the_agent_heard_of_a_container_is_its_loss || return 1
    holds /tmp/conserved 'acts, 0 of them not told' || return 1
    clock_steps || return 1
    case $(uname -r) in
        7.*)
            conserve what_was_skipped_before_the_agent_heard_of_a_container_is_its_loss AVOID='kprobe sys_exit' || return 1
            holds /tmp/conserved 'losses counted: {Missed: '
            ;;
    esac
}

# The same schedules while the clock goes a day ahead and two back, again and again.
clock_steps() {
    steps_before=$(date +%s)
    while :; do
        for steps_days in 1 -2 1; do
            date -s "@$(($(date +%s) + steps_days * 86400))" >/dev/null
            usleep 100000
        done
    done &
    steps=$!
    conserve what_is_missing_lies_in_a_counted_loss
    steps_status=$?
    kill "$steps"
    wait "$steps"
    date -s "@$steps_before" >/dev/null
    return "$steps_status"
}

# conserve TEST SETTING…: that test alone. Its number is asked for: with another name none would run.
conserve() {
    conserve_test=$1
    shift
    env RECORDER_UNDER_TEST="$recorder" "$@" /bin/agent-tests --exact "conservation::$conserve_test" --nocapture >/tmp/conserved 2>&1
    grep '^FIGURE' /tmp/conserved
    grep -q '^test result: ok. 1 passed' /tmp/conserved || { echo "$conserve_test with $*:"; tail -60 /tmp/conserved; return 1; }
}

# The programs that Linux 5.4 would run.
old() {
    AVOID='--avoid ringbuf --avoid fexit --avoid tp_btf --avoid perf'
    record old sh -c '. /age.sh; ages'
}

attempt btf test -s /sys/kernel/btf/vmlinux
attempt check $recorder check
attempt interrupted interrupted
attempt files files
attempt clock clock
attempt failed-open failed_open
attempt tcp tcp
# Where the table is, it says more.
[ -e /built ] || attempt ladders ladders
attempt addresses addresses
[ -e /built ] || attempt perf perf
attempt udp udp
attempt dns dns
attempt sctp sctp
attempt old old
if [ -e /built ]; then
    attempt waiting waiting
    truths
fi
if [ -e /bin/agent-tests ]; then attempt conservation conservation; fi
# How many instructions the verifier walked, for run.sh to compare. Kernels before 5.16 do not say.
$recorder check --programs | sed -n 's/^  \([a-z_0-9]*\): \([0-9][0-9]*\)$/VERIFIED \1 \2/p'
