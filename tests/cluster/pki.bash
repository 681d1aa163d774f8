# Keys, certificates and kubeconfigs of a cluster, for a week. Sourced by node.sh, which sets state and server.
# shellcheck shell=bash
# shellcheck disable=SC2154

# certificate NAME SUBJECT NAMES: signed by the cluster's own authority.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 7 -out "$1.crt" \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3")
}

# kubeconfig NAME: whoever has the certificate NAME speaks to the API server so.
kubeconfig() {
    cat >"$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: $1}}]
clusters: [{name: test, cluster: {server: "$server", certificate-authority-data: $(base64 -w 0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w 0 "$1.crt"), client-key-data: $(base64 -w 0 "$1.key")}}]
YAML
    chmod 600 "$1.kubeconfig"
}

# pki ADDRESS…: those of the API server, IPv4 or IPv6.
pki() {
    local addresses
    addresses=$(printf ',IP:%s' "$@")
    mkdir -p "$state/pki"
    (
        cd "$state/pki"
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -subj /CN=test -days 7
        certificate apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc$addresses"
        certificate admin /O=system:masters/CN=admin DNS:admin
        certificate controller-manager /CN=system:kube-controller-manager DNS:controller-manager
        certificate scheduler /CN=system:kube-scheduler DNS:scheduler
        certificate proxy /CN=system:kube-proxy DNS:proxy
        certificate kubelet "/O=system:nodes/CN=system:node:$node" "DNS:$node$addresses"
        openssl ecparam -genkey -name prime256v1 -noout -out accounts.key
        openssl ec -in accounts.key -pubout -out accounts.pub
        for name in admin controller-manager scheduler proxy kubelet; do kubeconfig "$name"; done
    ) >"$state/log/pki.log" 2>&1 || { cat "$state/log/pki.log" >&2; die "failed to make the cluster's certificates"; }
}
