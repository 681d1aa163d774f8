#!/usr/bin/env bash
# profiles.sh RECORDER IMAGE NODE: on the cluster of $KUBECONFIG and its node NODE, which is this machine, an agent and a controller
# are run and workloads started; what is then in their profiles is asserted, and how long the first facts took is printed.
# IMAGE has busybox under /bin as busybox, sh, cat, id, sleep and httpd, curl, /etc/passwd and /www/index.html. The pods' images are never
# pulled. Definitions are applied and kept; everything else is removed.
set -euo pipefail
recorder=$1 image=$2 node=$3
here=$(cd "$(dirname "$0")" && pwd)
logs=$(mktemp -d)
space=runtimemap-e2e
agent='' controller='' failures=0

end() {
  local status=$?
  kill $agent $controller 2>/dev/null || true
  kubectl delete namespace "$space" --ignore-not-found --wait=false >/dev/null
  [ $status = 0 ] || tail -n 20 "$logs"/*.log
  rm -r "$logs"
}
trap end EXIT

start_agent() { "$recorder" agent --node "$node" --kubeconfig "$KUBECONFIG" >>"$logs/agent.log" 2>&1 & agent=$!; }
start_controller() { "$recorder" controller --kubeconfig "$KUBECONFIG" --learning-period "$1" >>"$logs/controller.log" 2>&1 & controller=$!; }

# What a jq filter makes of an object; nothing while there is none.
of() { kubectl -n "$space" get "$1" "$2" -o json 2>/dev/null | jq -rc "$3" 2>/dev/null || true; }

# becomes TEXT KIND NAME FILTER: within 60 s the filter gives exactly that.
becomes() {
  local found='' until=$((SECONDS + 60))
  while [ $SECONDS -lt $until ]; do
    found=$(of "$2" "$3" "$4")
    [ "$found" = "$1" ] && { echo "ok: $2 $3: $4"; return; }
    read -r -t 0.2 _ <> <(:) || true
  done
  echo "FAILED: $2 $3: $4"$'\n'"  expected $1"$'\n'"  found    $found"
  failures=$((failures + 1))
}

pod() { # NAME COMMAND…
  local name=$1; shift
  kubectl -n "$space" run "$name" --image="$image" --image-pull-policy=Never --restart=Never --labels="app=$name" --command -- "$@" >/dev/null
}

kubectl apply -f "$here/../../crds/" >/dev/null
until kubectl wait --for=condition=Established crd -l '!none' --timeout=20s >/dev/null; do :; done
kubectl create namespace "$space" >/dev/null
until kubectl -n "$space" get serviceaccount default >/dev/null 2>&1; do :; done
start_controller 1h
start_agent
until grep -q recording "$logs/agent.log" && grep -q serving "$logs/controller.log"; do kill -0 "$agent" "$controller"; done

# A Deployment with an init container behind a Service, its client, and a Job that is gone at once.
sed "s|IMAGE|$image|" "$here/profiles.yaml" | kubectl -n "$space" apply -f - >/dev/null

# How long until the first facts of a container can be read.
pod first /bin/sleep 100000
until [ "$(of applicationprofile pod-first '.spec.containers[0].execs[0].path')" = /bin/busybox ]; do :; done
read_at=$(date +%s.%N)
started_at=$(of pod first '.status.containerStatuses[0].state.running.startedAt')
while [ -z "$started_at" ] || [ "$started_at" = null ]; do started_at=$(of pod first '.status.containerStatuses[0].state.running.startedAt'); done
if ! awk -v a="$read_at" -v b="$(date -d "$started_at" +%s)" \
  'BEGIN { printf "first facts were readable %.1f s after the container started\n", a - b; exit !(a - b < 5) }'; then
  echo "FAILED: that is more than 5 s"; failures=$((failures + 1))
fi

becomes '[["setup",[["/bin/id"]]]]' applicationprofile deployment-web '[.spec.initContainers[] | [.name, [.execs[].args]]]'
becomes '[["web",[["/bin/httpd","-f","-p","8080","-h","/www"]],["/www/index.html"]]]' applicationprofile deployment-web \
  '[.spec.containers[] | [.name, [.execs[].args], [.opens[].path]]]'
becomes '["Deployment","web","apps/v1"]' applicationprofile deployment-web '.metadata.ownerReferences[0] | [.kind, .name, .apiVersion]'
becomes '["True","False","Learning"]' applicationprofile deployment-web \
  '[(.status.conditions[] | select(.type == "StartupObserved" or .type == "EventsLost") | .status), .status.phase] | [.[1], .[0], .[2]]'
# Two acts of a Job that lives for some milliseconds, and nothing else.
becomes '[["/bin/sh","-c","cat /etc/passwd; cat /www/index.html >/tmp/x"],["cat","/etc/passwd"],["cat","/www/index.html"]]' \
  applicationprofile job-blink '[.spec.containers[0].execs[].args]'
becomes '[["/etc/passwd","O_RDONLY"],["/tmp/x","O_CREAT,O_TRUNC,O_WRONLY"],["/www/index.html","O_RDONLY"]]' \
  applicationprofile job-blink '[.spec.containers[0].opens[] | [.path, (.flags | join(","))]]'
# N1: the port that policies see, with the Service's beside it; both ends know each other.
becomes '["Workload","Deployment","web","web",8080,80,{"app":"web"}]' networkneighborhood deployment-client \
  '[.spec.containers[0].egress[] | select(.outcome == "established" and .peer.name == "web")][0] | [.peer.class, .peer.kind, .peer.name, .peer.service, .ports[0].port, .ports[0].servicePort, .podSelector.matchLabels]'
becomes '["Deployment","client",8080,{"app":"client"}]' networkneighborhood deployment-web \
  '[.spec.containers[0].ingress[] | select(.peer.class == "Workload")][0] | [.peer.kind, .peer.name, .ports[0].port, .podSelector.matchLabels]'
# The kubelet's probes come from the node.
becomes '["Node"]' networkneighborhood deployment-web '[.spec.containers[0].ingress[].peer.class | select(. != "Workload")]'

# The controller is killed; what happens meanwhile is there when it is back.
kill -9 "$controller"; wait "$controller" 2>/dev/null || true
pod away /bin/sh -c 'cat /etc/passwd; sleep 100000'
kubectl -n "$space" wait --for=condition=Ready pod/away --timeout=60s >/dev/null
start_controller 5s
becomes '[["/bin/sh","-c","cat /etc/passwd; sleep 100000"],["cat","/etc/passwd"],["sleep","100000"]]' applicationprofile pod-away \
  '[.spec.containers[0].execs[].args]'
becomes '"True"' applicationprofile pod-away '.status.conditions[] | select(.type == "StartupObserved") | .status | tojson'
# Learning ends, and the profile goes with its workload.
becomes Complete applicationprofile pod-away .status.phase
becomes Complete networkneighborhood pod-away .status.phase
kubectl -n "$space" delete pod away --grace-period=0 --force >/dev/null 2>&1
becomes '' applicationprofile pod-away .metadata.name

# Told to end, the agent hands over what it has and leaves.
pod last /bin/sh -c 'cat /etc/passwd; sleep 100000'
kubectl -n "$space" wait --for=condition=Ready pod/last --timeout=60s >/dev/null
kill -TERM "$agent"
if wait "$agent"; then echo "ok: the agent ended"; else echo "FAILED: the agent ended with $?"; failures=$((failures + 1)); fi
becomes '["cat","/etc/passwd"]' applicationprofile pod-last '.spec.containers[0].execs[1].args'

echo "$failures failed"
[ "$failures" = 0 ]
