# Datagrams and associations, recorded in the virtual machine (read by programs.sh). Both ends are wire.c's.
# shellcheck shell=dash disable=SC2016 # for the recorded shell

# Peers outside the recorded cgroup have .1, .4 and, when they ask, .3; what is recorded listens at .2.
addresses() {
    for last in 1 2 3 4; do
        ip addr add "192.0.2.$last/32" dev lo || return 1
        ip -6 addr add "2001:db8::$last/128" dev lo || return 1
    done
}

# flows FILE: the neighborhood, one line per listening port, peer and port: direction, address, port, outcome, names.
flows() {
    awk '
        function say(  a, p) {
            for (a = 1; a <= addresses; a++) for (p = 1; p <= ports; p++) print section, address[a], port[p] outcome names
            addresses = ports = 0; outcome = names = ""
        }
        /^kind: / { inside = $2 == "NetworkNeighborhood"; section = "" }
        !inside { next }
        /^status:/ { say(); section = ""; next }
        /^    (listens|ingress|egress):/ { say(); section = substr($1, 1, length($1) - 1); next }
        section == "" { next }
        /^    - / { say(); if (section == "listens") port[++ports] = $3; next }
        /^      [a-zA-Z]+:/ { list = $1; if (list == "outcome:") outcome = " " $2; next }
        list ~ /ddresses:$/ && /^      - / { gsub(/"/, "", $2); address[++addresses] = $2 }
        list == "ports:" && /^      - name:/ { port[++ports] = $3 }
        list == "dnsNames:" && /^      - / { names = names " " $2 }
    ' "$1" | sort
}

# meets NAME INSIDE OUTSIDE: records INSIDE, runs OUTSIDE once INSIDE has made /tmp/met. What INSIDE leaves behind is waited for.
meets() {
    rm -f /tmp/met
    record "$1" sh -c "set -e; $2; : >/tmp/met" &
    meets_job=$!
    meets_until=$(($(date +%s) + 180))
    while [ ! -e /tmp/met ]; do
        if ! kill -0 "$meets_job" 2>/dev/null || [ "$(date +%s)" -gt "$meets_until" ]; then echo "$1: what is recorded did not come so far"; return 1; fi
        usleep 20000
    done
    sh -ec "$3" || return 1
    wait "$meets_job"
}

# same NAME: the flows of its map are those on standard input, neither more nor less, and nothing was lost.
same() {
    sort >/tmp/wanted
    flows "/tmp/$1.yaml" >/tmp/found
    diff /tmp/wanted /tmp/found || { echo "$1: wanted above, found below (${AVOID:-first rungs})"; return 1; }
    holds "/tmp/$1.yaml" 'reason: NothingLost'
}

udp_once() {
    for peer in 192.0.2.1 2001:db8::1; do
        wire serve udp "$peer" 7001 1 && wire serve udp "$peer" 7003 1 || return 1
    done
    meets udp 'for own in 192.0.2.2 2001:db8::2; do wire serve udp $own 7002 2; done
        for peer in 192.0.2.1 2001:db8::1; do wire ask udp - $peer 7001; wire ask udp-connected - $peer 7003; done' \
        'for family in 192.0.2. 2001:db8::; do
            wire ask udp ${family}3 ${family}2 7002; wire ask udp-connected ${family}4 ${family}2 7002
        done' || return 1
    same udp <<'FLOWS'
egress 192.0.2.1 UDP-7001 established
egress 192.0.2.1 UDP-7003 established
egress 2001:db8::1 UDP-7001 established
egress 2001:db8::1 UDP-7003 established
ingress 192.0.2.3 UDP-7002 established
ingress 192.0.2.4 UDP-7002 established
ingress 2001:db8::3 UDP-7002 established
ingress 2001:db8::4 UDP-7002 established
listens 192.0.2.2 UDP-7002
listens 2001:db8::2 UDP-7002
FLOWS
}

# The answer names 192.0.2.4 (see wire.c). What somebody else asks for is not in this map.
dns_once() {
    for server in 192.0.2.1 2001:db8::1; do wire serve dns "$server" 53 2 || return 1; done
    wire serve udp 192.0.2.4 7004 1 || return 1
    meets dns 'wire look four.example 192.0.2.1; wire look six.example 2001:db8::1; wire ask udp - 192.0.2.4 7004' \
        'wire look other.example 192.0.2.1; wire look other.example 2001:db8::1' || return 1
    same dns <<'FLOWS'
egress 192.0.2.1 UDP-53 established
egress 192.0.2.4 UDP-7004 established four.example six.example
egress 2001:db8::1 UDP-53 established
FLOWS
}

unified() { grep -q ' cgroup2 ' /proc/mounts; }

# both NAME: NAME_once with the first rung, and with the one that pure v1 has. Which of them it was shows in what the map lacks.
both() {
    "$1_once" || return 1
    if unified; then
        if grep -q 'SCTP is not seen' "/tmp/$1.yaml"; then echo "$1: not the first rung"; return 1; fi
        AVOID='--avoid cgroup_skb' "$1_once" || return 1
    fi
    holds "/tmp/$1.yaml" 'SCTP is not seen'
}

udp() { both udp; }
dns() { both dns; }

# Only packets tell of associations: without cgroup v2 the map must say that they are not seen.
sctp() {
    for peer in 192.0.2.1 2001:db8::1; do wire serve sctp "$peer" 7001 1 || return 1; done
    meets sctp 'for own in 192.0.2.2 2001:db8::2; do wire serve sctp $own 7002 1; done
        for peer in 192.0.2.1 2001:db8::1; do wire ask sctp - $peer 7001; done' \
        'for family in 192.0.2. 2001:db8::; do wire ask sctp ${family}3 ${family}2 7002; done' || return 1
    if ! unified; then
        holds /tmp/sctp.yaml 'SCTP is not seen' 'name: SCTP-7002'
        return
    fi
    same sctp <<'FLOWS'
egress 192.0.2.1 SCTP-7001 established
egress 2001:db8::1 SCTP-7001 established
ingress 192.0.2.3 SCTP-7002 established
ingress 2001:db8::3 SCTP-7002 established
listens 192.0.2.2 SCTP-7002
listens 2001:db8::2 SCTP-7002
FLOWS
}
