# Shared by the scripts that run on a host when it is released. They rely on the host's own programs only.
# Inputs: CLOUD NODE_NAMESPACE
set -eu

# Containers of this cloud on the host: those of a name, or all.
containers() {
  command -v ctr >/dev/null && systemctl is-active --quiet containerd || return 0
  filter="labels.\"io.kubernetes.pod.namespace\"==$NODE_NAMESPACE"
  [ "$#" = 0 ] || filter="$filter,labels.\"io.kubernetes.container.name\"==$1"
  ctr --namespace k8s.io containers ls --quiet "$filter" 2>/dev/null || true
}

# inside NAME COMMAND...: runs a command in a container, where one of that name runs.
inside() {
  name="$1"
  shift
  for container in $(containers "$name"); do
    timeout 20 ctr --namespace k8s.io tasks exec --exec-id "release-$$" "$container" "$@" >/dev/null 2>&1 || true
  done
}

# Takes the host out of OVN.
leave_ovn() { inside ovn-controller ovn-appctl --timeout=10 -t /run/ovn/ovn-controller.ctl exit; }

# Nobody starts the pods again: the host is leaving.
stop_kubelet() { systemctl stop kubelet.service 2>/dev/null || true; }

# kill_containers [NAME]: those of a name, or all.
kill_containers() {
  for container in $(containers "$@"); do
    ctr --namespace k8s.io tasks kill --all --signal SIGKILL "$container" >/dev/null 2>&1 || true
  done
}

unmount_below() {
  awk -v d="$1/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
    umount --lazy "$mount" || true
  done
}
