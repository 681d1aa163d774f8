# Real programs, seen by strace and by the recorder, with each choice of hooks (see ../truth): run in a virtual machine by programs.sh.
# shellcheck shell=dash disable=SC2154 # programs.sh says what recorder is

# Programs of the table that need nothing but what run.sh puts into the machine. Each costs the time that the kernel takes to verify ours.
set_of_programs() {
    case $1 in
        best) truth 'shell pipeline' mounts capabilities 'refused by a filter' 'deep paths' 'python files' 'python tcp' 'python udp' 'python names' ;;
        # What the hooks are for that are done without: files, capabilities, refusals, datagrams.
        *) truth mounts 'capabilities used' 'refused by a filter' 'python files' 'python udp' 'python names' ;;
    esac
}

# truth_with LABEL HOOK…: the table with the recorder doing without these hooks; a line for each kind of fact and for each signal's hook.
truth_with() {
    label=$1
    shift
    began=$(date +%s)
    avoid=
    for hook in "$@"; do avoid="$avoid --avoid $hook"; done
    # shellcheck disable=SC2086 # a list of options
    $recorder check $avoid >/tmp/truth.check || { result "truth-$label" 1; return; }
    if RUNTIMEMAP_RECORDER=$recorder TRUTH_BUILT=/built TRUTH_TRIES="$tries" TRUTH_AVOID="$*" set_of_programs "$label" >/tmp/truth.table 2>&1; then
        result "truth-$label" 0
    else
        result "truth-$label" 1
        sed 's/^/    /' /tmp/truth.table
    fi
    sed -n "s/^all programs */TRUTH $label /p" /tmp/truth.table
    awk -v label="$label" '/^[^ ]/ { title = $0 } /^  used: / { print "HOOK|" label "|" title "|" $2 }' /tmp/truth.check
    echo "truth with $label hooks: $(($(date +%s) - began)) s"
}

# With HOOKS=all every choice on this kernel; else the best, the next best, and one more by the kernel's age.
truths() {
    truth_with best
    truth_with kprobes tp_btf fexit/do_filp_open fexit/cap_capable cgroup_skb
    # Before Linux 6.14 no tracepoint shows capabilities.
    tracepoint=$(find /sys/kernel/tracing/events/capability -name cap_capable 2>/dev/null)
    case ${HOOKS:-}$(uname -r) in all* | 6.1.*) truth_with exits fexit/do_filp_open kprobe/do_filp_open fexit/cap_capable ${tracepoint:+kprobe/cap_capable} ;; esac
    case ${HOOKS:-}$(uname -r) in all* | 6.12.*) truth_with perf ringbuf tp_btf raw_tp/sys_enter raw_tp/sys_exit ;; esac
    case ${HOOKS:-}$(uname -r) in all* | 5.*) truth_with 5.4 ringbuf fexit tp_btf perf ;; esac
}
