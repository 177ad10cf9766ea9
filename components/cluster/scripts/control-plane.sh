#!/bin/bash
# A control host: "apply" makes the first one or joins it to those that are there, "remove" takes it out of the cluster.
# Inputs: HOST_NAME HOST_ADDRESS PEERS MAY_INITIALISE CLUSTER_CONFIG INIT_CONFIG JOIN_CONFIG HOST_KUBECONFIG HOST_ACCESS NODE_LABELS NODE_TAINTS
#   VIRTUAL_IP VIRTUAL_IP_INTERFACE IMAGES and the PKI: CA_CRT CA_KEY ETCD_CA_CRT ETCD_CA_KEY FRONT_PROXY_CA_CRT FRONT_PROXY_CA_KEY SA_PUB SA_KEY

readonly pki=/etc/kubernetes/pki
readonly initialised="$state/initialised"

apply() {
  lock
  write_host_kubeconfig
  write_pki
  if [ ! -f "$initialised" ]; then
    wait_for_images
    enter_cluster
    : >"$initialised"
  fi
  wait_for 180 "the API server of this host" api_ready 127.0.0.1 ||
    fail "$HOST_NAME: the API server does not become ready. $(control_plane_state)"
  rm -f /run/stratiform/initialising
  keep_virtual_ip
  admin apply --filename - >/dev/null <<<"$HOST_ACCESS"
  converge_node
  say "the API server of $HOST_NAME is ready"
}

write_pki() {
  install -d -m 0755 /etc/kubernetes
  install -d -m 0700 "$pki" "$pki/etcd"
  put_once "$pki/ca.crt" 0644 "$CA_CRT"
  put_once "$pki/ca.key" 0600 "$CA_KEY"
  put_once "$pki/etcd/ca.crt" 0644 "$ETCD_CA_CRT"
  put_once "$pki/etcd/ca.key" 0600 "$ETCD_CA_KEY"
  put_once "$pki/front-proxy-ca.crt" 0644 "$FRONT_PROXY_CA_CRT"
  put_once "$pki/front-proxy-ca.key" 0600 "$FRONT_PROXY_CA_KEY"
  put_once "$pki/sa.pub" 0644 "$SA_PUB"
  put_once "$pki/sa.key" 0600 "$SA_KEY"
}

put_once() {
  local path="$1" mode="$2" content="$3"
  if [ -f "$path" ] && [ -f "$initialised" ]; then
    [ "$(cat "$path")" = "$content" ] ||
      fail "$HOST_NAME: $path differs from the certificate authority of this stack; a running cluster's authority cannot be exchanged"
    return 0
  fi
  (umask 077 && printf '%s\n' "$content" >"$path")
  chmod "$mode" "$path"
}

# Address of another control host whose API server answers; nothing if there is none.
peer() {
  local address
  for address in $PEERS; do
    if api_ready "$address" >/dev/null 2>&1; then
      echo "$address"
      return 0
    fi
  done
}

enter_cluster() {
  local other
  other="$(peer)"
  # An earlier try of this step may have been broken off at any point: begin from nothing but the certificates.
  if [ -e /etc/kubernetes/admin.conf ] || compgen -G '/etc/kubernetes/manifests/*.yaml' >/dev/null; then
    say "an earlier try was broken off: beginning again"
    # While the local member still has its vote.
    [ -z "$other" ] || remove_stale_member "$other"
    kubeadm reset --force --skip-phases=remove-etcd-member >/run/stratiform/reset.log 2>&1 || true
    forget_pod_network
    write_pki
    rm -rf /var/lib/etcd/member
  fi
  if [ -n "$other" ]; then
    join "$other"
  elif [ "$MAY_INITIALISE" = yes ]; then
    refuse_second_cluster
    init
  else
    fail "$HOST_NAME: no other control host's API answers ($PEERS); only the first of the list makes a cluster"
  fi
}

# Only where nothing listens for the API is there surely no cluster: a host that gives no answer may hold one.
refuse_second_cluster() {
  local address answer
  for address in $PEERS; do
    answer="$(api_ready "$address" 2>&1 || true)"
    [[ "$answer" == *"onnection refused"* || "$answer" == *"ouldn't connect"* && "$answer" != *"imed out"* ]] ||
      fail "$HOST_NAME: cannot tell whether the control host $address holds the cluster already ($answer); see that it answers at port 6443, or refuses"
  done
}

init() {
  say "creating the control plane"
  printf '%s\n---\n%s\n' "$INIT_CONFIG" "$CLUSTER_CONFIG" >/run/stratiform/kubeadm.yaml
  : >/run/stratiform/initialising
  keep_virtual_ip
  kubeadm init --config /run/stratiform/kubeadm.yaml --skip-token-print \
    --ignore-preflight-errors=DirAvailable--var-lib-etcd,ImagePull >/run/stratiform/kubeadm.log 2>&1 ||
    fail "$HOST_NAME: kubeadm init failed: $(kubeadm_errors). $(control_plane_state)"
  # Hosts join with a certificate of the stack; the token that init always makes is not used.
  admin --namespace kube-system delete secret --field-selector type=bootstrap.kubernetes.io/token --ignore-not-found >/dev/null
}

join() {
  local other="$1"
  say "joining the control plane at $other"
  remove_stale_member "$other"
  # Of a try that was broken off; kubeadm refuses a name whose node still seems to be ready.
  peer_kubectl "$other" delete node "$HOST_NAME" --ignore-not-found >/dev/null
  (umask 077 && cp "$host_conf" /run/stratiform/discovery.conf)
  kubectl --kubeconfig /run/stratiform/discovery.conf config set-cluster cluster --server="https://$other:6443" >/dev/null
  printf '%s\n' "$JOIN_CONFIG" >/run/stratiform/kubeadm.yaml
  kubeadm join --config /run/stratiform/kubeadm.yaml \
    --ignore-preflight-errors=DirAvailable--var-lib-etcd,DirAvailable--etc-kubernetes-manifests,ImagePull >/run/stratiform/kubeadm.log 2>&1 ||
    fail "$HOST_NAME: kubeadm join failed: $(kubeadm_errors). $(control_plane_state)"
}

control_plane_state() {
  echo "Last words of the kubelet: $(journalctl --unit kubelet --lines 2 --no-pager --output cat | cut -c1-300 | tr '\n' ' '). To look further on $HOST_NAME: journalctl -u kubelet; cat /run/stratiform/kubeadm.log"
}

# A kubeconfig of this stack's authority for the API server of another control host.
peer_kubectl() {
  local other="$1"
  shift
  [ -f /run/stratiform/peer.conf ] || (umask 077 && kubeadm kubeconfig user --client-name stratiform:removal --org system:masters --validity-period 1h \
    --config <(printf '%s\n' "$CLUSTER_CONFIG") >/run/stratiform/peer.conf 2>/dev/null)
  kubectl --kubeconfig /run/stratiform/peer.conf --server "https://$other:6443" --request-timeout=30s "$@"
}

# etcdctl in the etcd pod of the control host at an address.
peer_etcdctl() {
  local other="$1" pod
  shift
  pod="$(peer_kubectl "$other" --namespace kube-system get pods --selector component=etcd \
    --output "jsonpath={range .items[?(@.status.hostIP==\"$other\")]}{.metadata.name}{end}")"
  [ -n "$pod" ] || return 1
  peer_kubectl "$other" --namespace kube-system exec "$pod" -- etcdctl --endpoints=https://127.0.0.1:2379 \
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key "$@"
}

# remove_member PEER: takes the etcd member with this host's address out, if there is one.
remove_member() {
  local members id
  members="$(peer_etcdctl "$1" member list)" || fail "$HOST_NAME: the etcd members cannot be listed at $1; nothing was changed"
  id="$(grep -F "https://$HOST_ADDRESS:2380" <<<"$members" | cut -d, -f1 || true)"
  [ -z "$id" ] || peer_etcdctl "$1" member remove "$id" >/dev/null || fail "$HOST_NAME: its etcd member $id could not be removed at $1"
}

# A member with our address that is not us: a try that was broken off, or a machine that was replaced.
remove_stale_member() {
  remove_member "$1"
  rm -rf /var/lib/etcd/member
}

keep_virtual_ip() {
  [ -n "$VIRTUAL_IP" ] || return 0
  local interface="$VIRTUAL_IP_INTERFACE" peer_address
  [ -n "$interface" ] || interface="$(ip -o addr show to "$HOST_ADDRESS/32" | awk '{print $2; exit}')"
  install -d -m 0755 /etc/keepalived
  write_file /etc/stratiform/api-check 0755 <<'CHECK' || true
#!/bin/sh
# Whether this host may hold the API's virtual IP.
test -e /run/stratiform/initialising && exit 0
exec curl --silent --fail --max-time 2 --noproxy '*' --insecure --output /dev/null https://127.0.0.1:6443/readyz
CHECK
  {
    printf '%s\n' "global_defs {" "  enable_script_security" "  script_user root" "}" \
      "vrrp_script api {" "  script /etc/stratiform/api-check" "  interval 1" "  timeout 3" "  fall 2" "  rise 1" "}" \
      "vrrp_instance api {" "  state BACKUP" "  nopreempt" "  interface $interface" "  virtual_router_id ${VIRTUAL_IP##*.}" "  priority 100" "  advert_int 1" \
      "  unicast_src_ip $HOST_ADDRESS" "  unicast_peer {"
    for peer_address in $PEERS; do echo "    $peer_address"; done
    printf '%s\n' "  }" "  virtual_ipaddress {" "    $VIRTUAL_IP/32 dev $interface" "  }" "  track_script {" "    api" "  }" "}"
  } | write_file /etc/keepalived/keepalived.conf 0644 || true
  systemctl unmask --quiet keepalived.service 2>/dev/null || true
  systemctl enable --quiet keepalived.service 2>/dev/null
  restart_if_changed keepalived.service /etc/keepalived/keepalived.conf
  systemctl is-active --quiet keepalived.service || systemctl start keepalived.service
  wait_for 20 "the virtual IP $VIRTUAL_IP" virtual_ip_answers || fail "$HOST_NAME: nobody holds the virtual IP $VIRTUAL_IP. Look at: journalctl -u keepalived"
}

virtual_ip_answers() {
  if [ -e /run/stratiform/initialising ]; then ip -o addr show to "$VIRTUAL_IP/32" | grep -q .; else api_ready "$VIRTUAL_IP"; fi
}

api_is_gone() { [ -z "$(ss -Hltn 'sport = :6443')" ]; }

remove() {
  lock
  if [ ! -f "$initialised" ] || ! is_ours; then return 0; fi
  write_host_kubeconfig
  local other
  other="$(peer)"
  [ -n "$other" ] || fail "$HOST_NAME is the only control host whose API answers; it cannot be removed without the others"
  if [ -n "$(peer_kubectl "$other" get node "$HOST_NAME" --ignore-not-found -o name)" ]; then
    empty_host
    peer_kubectl "$other" drain "$HOST_NAME" --ignore-daemonsets --delete-emptydir-data --force --request-timeout=0 --timeout=300s ||
      fail "$HOST_NAME: the node could not be drained; the host was left in the cluster"
  fi
  remove_member "$other"
  # Without its etcd member the host must not answer as an API server, nor start again.
  rm -f /etc/kubernetes/manifests/*.yaml
  [ -z "$VIRTUAL_IP" ] || systemctl disable --now --quiet keepalived.service || true
  wait_for 120 "the end of the API server" api_is_gone || fail "$HOST_NAME: its API server does not end. Look at: journalctl -u kubelet"
  systemctl stop kubelet.service
  release_host
  peer_kubectl "$other" delete node "$HOST_NAME" --ignore-not-found
  rm -f "$initialised"
  say "$HOST_NAME has left the control plane"
}
