#!/bin/bash
# Brings the node to a Kubernetes version: nothing to do right after it joined, an upgrade when the version changed.
# Inputs: HOST_NAME KUBERNETES_VERSION CONTROL HOST_KUBECONFIG IMAGES OWN_DNS

# kubeadm refuses a CoreDNS that it does not know: one of the mirror's own version stays as it is.
skip=()
[ "$OWN_DNS" = no ] || skip=(--skip-phases=addon/coredns)

apply() {
  lock
  local directory="$opt/kubernetes/$KUBERNETES_VERSION" current
  current="v$(kubelet_version)"
  if [ "$current" = "$KUBERNETES_VERSION" ] && [ ! -f "$state/upgrading" ]; then return 0; fi
  write_host_kubeconfig
  wait_for_images
  say "upgrading $HOST_NAME from $current to $KUBERNETES_VERSION"
  : >"$state/upgrading"
  drain || fail "$HOST_NAME: the node could not be drained; its version is still $current"
  ln -sfn "$directory/kubeadm" /usr/local/bin/kubeadm
  if [ "$CONTROL" = yes ]; then upgrade_control_plane; else upgrade_node; fi
  ln -sfn "$directory/kubelet" /usr/local/bin/kubelet
  ln -sfn "$directory/kubectl" /usr/local/bin/kubectl
  systemctl restart kubelet.service
  wait_for 180 "the node to report $KUBERNETES_VERSION and be ready" node_ready ||
    fail "$HOST_NAME: the kubelet does not become ready with $KUBERNETES_VERSION: $(journalctl --unit kubelet --lines 3 --no-pager --output cat | cut -c1-300)"
  # A kubelet of another version starts the API server's pod anew: it may be away for a moment once more.
  ask uncordon "$HOST_NAME" ||
    fail "$HOST_NAME: the node runs $KUBERNETES_VERSION but cannot be made schedulable: $(host_kubectl uncordon "$HOST_NAME" 2>&1 | tail -n 1)"
  rm -f "$state/upgrading"
  say "$HOST_NAME runs $KUBERNETES_VERSION"
}

node_ready() {
  [ "$(host_kubectl get node "$HOST_NAME" -o 'jsonpath={.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status}')" = "$KUBERNETES_VERSION True" ]
}

upgrade_control_plane() {
  local cluster
  cluster="$(admin --namespace kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}' | sed -n 's/^kubernetesVersion: //p')"
  if [ "$cluster" = "$KUBERNETES_VERSION" ] && ! grep -q . "$state/upgrading"; then
    upgrade_node
    return 0
  fi
  echo first >"$state/upgrading"
  allow_cgroup_v1
  run_kubeadm "kubeadm upgrade apply" upgrade apply "$KUBERNETES_VERSION" --yes --etcd-upgrade=true --patches /etc/stratiform/patches \
    "${skip[@]}" --ignore-preflight-errors=SystemVerification,CoreDNSUnsupportedPlugins,CoreDNSMigration
}

# From 1.35 on a kubelet on cgroup v1 must be told so by its configuration file before it starts.
allow_cgroup_v1() {
  cgroup_v1 || return 0
  local config
  config="$(admin --namespace kube-system get configmap kubelet-config -o 'jsonpath={.data.kubelet}')"
  grep -q '^failCgroupV1:' <<<"$config" || config="$config"$'\n'"failCgroupV1: false"
  admin --namespace kube-system create configmap kubelet-config --from-literal=kubelet="$config" --dry-run=client -o yaml |
    admin --namespace kube-system apply --server-side --force-conflicts --filename - >/dev/null
}

upgrade_node() {
  run_kubeadm "kubeadm upgrade node" upgrade node --patches /etc/stratiform/patches "${skip[@]}" --ignore-preflight-errors=SystemVerification
}

# kubeadm's upgrade can be run again at any point.
run_kubeadm() {
  local what="$1" try
  shift
  for try in 1 2; do
    if kubeadm "$@" >/run/stratiform/kubeadm.log 2>&1; then return 0; fi
    [ "$try" = 2 ] || { say "$what failed, trying once more: $(tail -n 1 /run/stratiform/kubeadm.log)"; sleep 10; }
  done
  fail "$HOST_NAME: $what failed: $(kubeadm_errors). To look further on $HOST_NAME: cat /run/stratiform/kubeadm.log"
}

remove() { :; }
