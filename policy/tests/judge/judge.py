"""What network-config-analyzer says of clusters and their policies: one line of JSON in, one line out.

In: a list of Kubernetes objects. Out: every connection that it allows, as cubes of sources, destinations, protocols and ports; an end is
a pod, NAMESPACE/NAME, or a range of addresses, [first, last].
"""

import contextlib
import io
import json
import os
import sys
import tempfile

from nca.CoreDS.Peer import BasePeerSet, IpBlock
from nca.NetworkConfig.ResourcesHandler import ResourcesHandler

# IANA's numbers; a policy can name no others.
PROTOCOLS = {6: "TCP", 17: "UDP", 132: "SCTP"}


def ends(peers):
    found = []
    for peer in peers:
        if isinstance(peer, IpBlock):
            found += [[str(interval.start), str(interval.end)] for interval in peer.interval_set]
        else:
            found.append(f"{peer.namespace.name}/{peer.name}")
    return found


def numbers(intervals):
    return [[interval.start, interval.end] for interval in intervals.port_set.interval_set]


def allowed(objects):
    BasePeerSet.reset()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "all.yaml"), "w", encoding="utf-8") as file:
            # JSON is YAML.
            file.write("\n---\n".join(json.dumps(one) for one in objects))
        config = ResourcesHandler().get_network_config(None, None, None, [folder])
    everything = config.allowed_connections().all_allowed_conns
    cubes = []
    for cube in everything:
        cube = everything.get_connectivity_cube(cube)
        protocols = [name for number, name in PROTOCOLS.items() if number in cube["protocols"]]
        cubes.append(
            {
                "from": ends(cube["src_peers"]),
                "to": ends(cube["dst_peers"]),
                "protocols": protocols,
                "ports": numbers(cube["dst_ports"]),
            }
        )
    return cubes


def main():
    answers = sys.stdout
    # It warns of every second policy, by a stream that it took when it was loaded.
    errors = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        for line in sys.stdin:
            # Its own words are not answers.
            with contextlib.redirect_stdout(io.StringIO()):
                cubes = allowed(json.loads(line))
            print(json.dumps(cubes), file=answers, flush=True)
    except BaseException:
        os.dup2(errors, 2)
        raise


main()
