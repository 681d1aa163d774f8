# What the loaded programs are made of: nothing younger than Linux 5.4, where that kernel's hooks are used. Sourced by programs.sh.
# shellcheck shell=dash

# Helpers that Linux 5.4 has, as the kernel names them once they are linked. The last four came with 5.5: the loader puts probe_read and
# probe_read_str in their place on a kernel without them.
HELPERS='^(bpf_)?((__)?(p?htab|array|percpu_array|queue|queue_stack|htab_lru|htab_percpu|lru)[a-z_]*(elem|lookup|update|delete|push|pop|peek)[a-z_]*|map_(lookup|update|delete|push|pop|peek)_elem|get_current_task|get_current_pid_tgid|get_current_cgroup_id|get_current_comm|get_smp_processor_id|ktime_get_ns|perf_event_output[a-z_]*|event_output[a-z_]*|skb_load_bytes[a-z_]*|skb_event_output|skb_cgroup_id|get_socket_cookie[a-z_]*|probe_read(_str)?|probe_read_compat(_str)?|probe_read_kernel|probe_read_kernel_str|probe_read_user|probe_read_user_str)(_raw_tp|_tp|_sock_addr)?$'
# Map and program types of that age.
MAPS='^(hash|percpu_hash|lru_hash|lru_percpu_hash|array|percpu_array|queue|perf_event_array)$'
PROGRAMS='^(raw_tracepoint|kprobe|cgroup_skb)$'

# strange PATTERN: those of the lines that it does not match, once each.
strange() {
    sort -u | grep -Ev -- "$1" | tr '\n' ' '
}

# Runs in a recording with the hooks of 5.4: what is loaded then is all the recorder's.
ages() {
    bpftool prog show >/tmp/programs || return 1
    sed -n 's/^\([0-9]*\): \([a-z_]*\) .*/\1 \2/p' /tmp/programs >/tmp/kinds
    [ "$(wc -l </tmp/kinds)" -gt 8 ] || { echo "only these programs are loaded:"; cat /tmp/programs; return 1; }
    : >/tmp/code
    while read -r id kind; do
        bpftool prog dump xlated id "$id" >/tmp/one || return 1
        cat /tmp/one >>/tmp/code
        # A packet that such a program does not let through is lost to the workload.
        if [ "$kind" = cgroup_skb ] && ! lets_pass /tmp/one; then echo "program $id may drop a packet"; return 1; fi
    done </tmp/kinds
    young=$(sed -n 's/.*call \([a-z_0-9]*\)#.*/\1/p' /tmp/code | strange "$HELPERS")
    [ -z "$young" ] || { echo "helpers younger than Linux 5.4: $young"; return 1; }
    young=$(grep -E 'atomic|xchg' /tmp/code | head -3)
    [ -z "$young" ] || { echo "instructions younger than Linux 5.4: $young"; return 1; }
    young=$(cut -d ' ' -f 2 /tmp/kinds | strange "$PROGRAMS")
    [ -z "$young" ] || { echo "program types younger than Linux 5.4: $young"; return 1; }
    young=$(bpftool map show | sed -n 's/^[0-9]*: \([a-z_]*\) .*/\1/p' | strange "$MAPS")
    [ -z "$young" ] || { echo "map types younger than Linux 5.4: $young"; return 1; }
    echo "$(grep -c . /tmp/kinds) programs, $(grep -c . /tmp/code) instructions, helpers: $(sed -n 's/.*call \([a-z_0-9]*\)#.*/\1/p' /tmp/code | sort -u | tr '\n' ' ')"
}

# Whether a program has an exit, and each follows the one instruction that says 1.
lets_pass() {
    awk '/\) exit$/ { exits++; if (before !~ /\(b[47]\) [rw]0 = 1$/) bad = 1 } { before = $0 } END { exit bad || !exits }' "$1"
}
