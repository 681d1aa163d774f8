# etcd, API server and controllers. Sourced by node.sh, which sets state, programs, server and services.
# shellcheck shell=bash
# shellcheck disable=SC2154

kubectl_admin() { kubectl --kubeconfig "$state/pki/admin.kubeconfig" "$@"; }

# control_plane ADDRESS PORT ETCD_PORT PEER_PORT FLAG…: further flags are the API server's.
control_plane() {
    local address=$1 port=$2 etcd=http://127.0.0.1:$3 peer=http://127.0.0.1:$4 pki=$state/pki
    shift 4
    # What a machine's crash would lose, nobody misses here.
    begin etcd "${inside[@]}" "$programs/kube" etcd --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn --quota-backend-bytes 4294967296 \
        --listen-client-urls "$etcd" --advertise-client-urls "$etcd" --listen-peer-urls "$peer" \
        --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
    begin apiserver "${inside[@]}" "$programs/kube" kube-apiserver --etcd-servers="$etcd" --bind-address="$address" --secure-port="$port" \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
        --service-account-key-file="$pki/accounts.pub" --service-account-signing-key-file="$pki/accounts.key" \
        --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range="$services" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
        --audit-policy-file="$here/audit.yaml" --audit-log-path="$state/log/audit.json" --audit-log-maxsize=1000 "$@"
    within 60 "the API server" kubectl_admin get --raw /readyz
}

controllers() { # FLAG…
    begin controller-manager "${inside[@]}" "$programs/kube" kube-controller-manager --kubeconfig="$state/pki/controller-manager.kubeconfig" \
        --service-account-private-key-file="$state/pki/accounts.key" --root-ca-file="$state/pki/ca.crt" --secure-port=0 \
        --use-service-account-credentials --leader-elect=false "$@"
    # A pod made before it is refused.
    within 60 "the first service account" kubectl_admin get serviceaccount default
}
