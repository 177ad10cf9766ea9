#!/bin/bash
# The last gate, on a control host: every node is ready and what the cluster needs of itself runs.
# Inputs: HOST_NAME NODES

apply() {
  local nodes
  read -ra nodes <<<"$NODES"
  # The steps run beside each other: a node may still be joining.
  wait_for 300 "all nodes to be ready" all_ready || fail "not ready: $(not_ready)"
  spread_dns
  local object
  for object in daemonset/kube-router daemonset/kube-proxy deployment/coredns; do
    admin --namespace kube-system rollout status "$object" --timeout=180s --request-timeout=0 >/dev/null || fail "$object is not ready: $(pod_trouble)"
  done
  say "all ${#nodes[@]} nodes are ready"
}

all_ready() {
  local report node
  report="$(admin get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}')"
  for node in $NODES; do grep -qx "$node True" <<<"$report" || return 1; done
}

not_ready() {
  admin get nodes --no-headers | grep -v ' Ready ' || true
  for node in $NODES; do admin get node "$node" >/dev/null 2>&1 || echo "$node is not registered"; done
  pod_trouble
}

pod_trouble() {
  admin --namespace kube-system get pods --no-headers -o wide | grep -v ' Running ' || true
  admin --namespace kube-system get events --field-selector type=Warning --sort-by=.lastTimestamp --no-headers | tail -n 5 || true
}

# Both DNS pods start on the first node there is; one lost host must not take the cluster's names away.
spread_dns() {
  local hosts
  (($(wc -w <<<"$NODES") > 1)) || return 0
  hosts="$(admin --namespace kube-system get pods --selector k8s-app=kube-dns -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | grep -c . || true)"
  [ "$hosts" != 1 ] || admin --namespace kube-system rollout restart deployment/coredns >/dev/null
}

remove() { :; }
