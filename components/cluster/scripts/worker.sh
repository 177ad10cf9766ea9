#!/bin/bash
# A worker: "apply" joins it to the cluster, "remove" drains it and deletes its node.
# Inputs: HOST_NAME JOIN_CONFIG HOST_KUBECONFIG NODE_LABELS NODE_TAINTS IMAGES

apply() {
  lock
  write_host_kubeconfig
  if ! is_node; then
    say "joining the cluster"
    # An earlier try may have been broken off at any point.
    if compgen -G '/etc/kubernetes/*.conf' >/dev/null || [ -e /var/lib/kubelet/config.yaml ]; then
      kubeadm reset --force >/run/stratiform/reset.log 2>&1 || true
      forget_pod_network
      # kubeadm refuses a name whose node still seems to be ready.
      ask delete node "$HOST_NAME" --ignore-not-found || fail_undeleted
    fi
    install -d -m 0755 /etc/kubernetes
    (umask 077 && cp "$host_conf" /run/stratiform/discovery.conf)
    printf '%s\n' "$JOIN_CONFIG" >/run/stratiform/kubeadm.yaml
    kubeadm join --config /run/stratiform/kubeadm.yaml --ignore-preflight-errors=DirAvailable--etc-kubernetes-manifests,ImagePull \
      >/run/stratiform/kubeadm.log 2>&1 ||
      fail "$HOST_NAME: kubeadm join failed: $(kubeadm_errors). To look further on $HOST_NAME: journalctl -u kubelet; cat /run/stratiform/kubeadm.log"
    : >"$state/initialised"
  fi
  wait_for_images
  converge_node
  say "$HOST_NAME has joined"
}

# Joined, and still known to the cluster.
is_node() { [ -f "$state/initialised" ] && [ -f /etc/kubernetes/kubelet.conf ] && node_exists; }

remove() {
  lock
  if [ ! -f "$state/initialised" ] || ! is_ours; then return 0; fi
  write_host_kubeconfig
  if node_exists; then
    empty_host
    drain || fail "$HOST_NAME: the node could not be drained; the host was left in the cluster"
    systemctl stop kubelet.service
    release_host
    ask delete node "$HOST_NAME" --ignore-not-found || fail_undeleted
  fi
  rm -f "$state/initialised"
  say "$HOST_NAME has left the cluster"
}

fail_undeleted() { fail "$HOST_NAME: the API did not delete its node within 120 s; see whether it answers: kubectl get nodes"; }
