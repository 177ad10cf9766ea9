#!/bin/bash
# The last gate, on a control host: every node is ready and what the cluster needs of itself runs.
# Inputs: HOST_NAME NODES

stuck_since=""
readonly own_workloads="kube-system:daemonset/kube-router kube-system:daemonset/kube-proxy kube-system:deployment/coredns
  local-path-storage:deployment/local-path-provisioner"

apply() {
  # The steps run beside each other: a node may still be joining.
  wait_for 300 "all nodes to be ready" all_ready_or_stuck || true
  all_ready || fail "not ready: $(not_ready)"
  spread_dns
  wait_for 240 "the pods of the cluster itself" all_rolled_out_or_stuck || true
  all_rolled_out || fail "the cluster's own pods are not ready: $(pod_trouble)"
  say "all $(wc -w <<<"$NODES") nodes are ready"
}

all_ready() {
  local report node
  report="$(admin get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}')"
  for node in $NODES; do grep -qx "$node True" <<<"$report" || return 1; done
}

all_rolled_out() {
  local object
  for object in $own_workloads; do
    admin --namespace "${object%%:*}" rollout status "${object#*:}" --watch=false | grep -qE 'successfully rolled out' || return 1
  done
}

# Waiting longer helps no pod that keeps crashing, or whose image still cannot be pulled, after half a minute.
stuck() {
  if in_trouble; then
    : "${stuck_since:=$SECONDS}"
    ((SECONDS - stuck_since >= 30))
  else
    stuck_since=""
    return 1
  fi
}

in_trouble() {
  admin get pods --all-namespaces --selector 'k8s-app in (kube-router, kube-proxy, kube-dns, local-path-provisioner)' -o 'jsonpath={range .items[*]}{range .status.initContainerStatuses[*]}{.restartCount} {.state.waiting.reason}{"\n"}{end}{range .status.containerStatuses[*]}{.restartCount} {.state.waiting.reason}{"\n"}{end}{end}' |
    awk '($1 >= 3 && $2 == "CrashLoopBackOff") || $2 == "ImagePullBackOff" { found = 1 } END { exit !found }'
}

all_ready_or_stuck() { all_ready || stuck; }

all_rolled_out_or_stuck() { all_rolled_out || stuck; }

not_ready() {
  local node
  for node in $NODES; do
    admin get node "$node" -o 'jsonpath={.metadata.name}: {.status.conditions[?(@.type=="Ready")].message}{"\n"}' 2>/dev/null || echo "$node is not registered"
  done
  pod_trouble
}

# Each pod in trouble: its state, its last words, its last event.
pod_trouble() {
  local pods space pod
  pods="$(admin get pods --all-namespaces --no-headers -o wide | awk '{ split($3, ready, "/") } $4 != "Completed" && ($4 != "Running" || ready[1] != ready[2])')"
  [ -z "$pods" ] || echo "$pods"
  head -n 3 <<<"$pods" | while read -r space pod _; do
    [ -n "$pod" ] || continue
    echo "last log lines of $pod:"
    admin --namespace "$space" logs "$pod" --all-containers --tail=5 2>&1 || true
  done
  echo "last warnings:"
  admin get events --all-namespaces --field-selector type=Warning --sort-by=.lastTimestamp --no-headers | tail -n 5 || true
  echo "To look further: kubectl describe pods --all-namespaces"
}

# Both DNS pods start on the first node there is; one lost host must not take the cluster's names away.
spread_dns() {
  local hosts
  (($(wc -w <<<"$NODES") > 1)) || return 0
  hosts="$(admin --namespace kube-system get pods --selector k8s-app=kube-dns -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | grep -c . || true)"
  [ "$hosts" != 1 ] || admin --namespace kube-system rollout restart deployment/coredns >/dev/null
}

remove() { :; }
