#!/bin/bash
# The host belongs to one cluster. "apply" changes nothing: a step that fails or is killed is not in the state, and nothing
# would ever undo it. So the claim is in the state first, then "prepare" takes the host, and "remove" gives it back as it was.
# Inputs: CLUSTER_NAME CLUSTER_UID HOST_NAME VIRTUAL_IP

apply() {
  lock
  refuse_foreign_host
}

remove() {
  lock
  if [ ! -f "$claim" ]; then
    # At most "prepare" was broken off while it remembered what is there.
    rm -rf "$state" /etc/stratiform
    say "nothing to release"
    return 0
  fi
  grep -qxF "cluster_uid=$CLUSTER_UID" "$claim" || fail "$HOST_NAME belongs to another cluster; it was left alone"
  if ! is_ours; then
    say "the machine is in the cluster under another name; it was left alone"
    return 0
  fi
  release_host
  systemctl stop stratiform-images.service 2>/dev/null || true
  stop_node
  remove_networks
  remove_files
  restore_host
  rm -rf /etc/stratiform /var/lib/stratiform
  say "$HOST_NAME is released"
}

stop_node() {
  systemctl disable --now --quiet kubelet.service 2>/dev/null || true
  systemctl disable --now --quiet keepalived.service 2>/dev/null || true
  if [ -n "$VIRTUAL_IP" ]; then
    local interface
    interface="$(ip -o addr show to "$VIRTUAL_IP/32" | awk '{print $2; exit}')"
    [ -z "$interface" ] || ip addr del "$VIRTUAL_IP/32" dev "$interface"
  fi
  if command -v ctr >/dev/null && systemctl is-active --quiet containerd; then
    local id
    for id in $(ctr --namespace k8s.io tasks ls -q 2>/dev/null); do
      ctr --namespace k8s.io tasks kill --signal SIGKILL "$id" >/dev/null 2>&1 || true
    done
    wait_for 30 "the pods to end" bash -c '! ctr --namespace k8s.io tasks ls | grep -q RUNNING' || say "some pods did not end"
    for id in $(ctr --namespace k8s.io tasks ls -q 2>/dev/null); do ctr --namespace k8s.io tasks delete "$id" >/dev/null 2>&1 || true; done
    for id in $(ctr --namespace k8s.io containers ls -q 2>/dev/null); do ctr --namespace k8s.io containers delete "$id" >/dev/null 2>&1 || true; done
    for id in $(ctr --namespace k8s.io images ls -q 2>/dev/null); do ctr --namespace k8s.io images rm "$id" >/dev/null 2>&1 || true; done
  fi
  systemctl stop containerd 2>/dev/null || true
  # Shims outlive containerd.
  pkill -KILL -f '^/usr/bin/containerd-shim.* -namespace k8s.io ' || true
  unmount_below /var/lib/kubelet /run/containerd/io.containerd.runtime.v2.task /run/containerd/io.containerd.grpc.v1.cri /run/netns /var/run/netns
}

unmount_below() {
  local directory mount
  for directory in "$@"; do
    awk -v d="$directory/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
      umount --lazy "$mount" || true
    done
  done
}

remove_networks() {
  local netns link tool address
  for netns in /run/netns/cni-*; do ip netns delete "${netns##*/}" 2>/dev/null || rm -f "$netns"; done
  rmdir /run/netns 2>/dev/null || true
  forget_pod_network
  for link in kube-dummy-if kube-ipvs0 $(ip -o link show type ipip 2>/dev/null | awk -F': ' '{print $2}' | cut -d@ -f1 | grep '^tun-' || true); do
    ip link delete "$link" 2>/dev/null || true
  done
  ip route show proto 17 2>/dev/null | while read -r link; do
    # shellcheck disable=SC2086
    ip route delete $link 2>/dev/null || true
  done
  for tool in iptables ip6tables; do
    command -v "$tool-save" >/dev/null || continue
    "$tool-save" 2>/dev/null | sed -E '/KUBE-|CNI-|kube-router|kube-bridge|allow outbound node port traffic on node interface/d' | "$tool-restore" 2>/dev/null || true
  done
  # Addresses of endpoints that a pod held until it was ended.
  if [ -f "$state/before/addresses" ]; then
    comm -13 "$state/before/addresses" <(host_addresses) | while read -r link address; do
      case "$address" in */32) ip address delete "$address" dev "$link" 2>/dev/null || true ;; esac
    done
  fi
  local table
  # Tables that iptables or kube-proxy made and that are empty now, or kube-proxy's own.
  comm -13 "$state/before/nft-tables" <(nft list tables 2>/dev/null | sort) | while read -r table; do
    # shellcheck disable=SC2086
    case "$table" in *\ kube-proxy) ;; *) ! nft list $table | grep -qE '^\s+(jump|counter|meta|ip|tcp|udp|ct|oif|iif)' || continue ;; esac
    # shellcheck disable=SC2086
    nft delete $table || true
  done
  if command -v ipset >/dev/null; then
    for link in $(ipset list -name 2>/dev/null | grep -E '^(inet6:)?(KUBE-|kube-router)' || true); do ipset destroy "$link" 2>/dev/null || true; done
  fi
  for link in $(ip rule show | sed -nE 's/^([0-9]+):.*lookup (77|kube-router)\b.*/\1/p'); do ip rule delete pref "$link" || true; done
  ip route flush table 77 2>/dev/null || true
  [ ! -f /etc/iproute2/rt_tables ] || sed -i '/kube-router/d' /etc/iproute2/rt_tables
}

remove_files() {
  local name
  for name in /etc/kubernetes /var/lib/etcd /var/lib/kubelet /var/lib/cni /var/lib/kube-router /run/kubernetes /var/log/pods /var/log/containers; do
    # A directory on a disk of its own stays, empty.
    if mountpoint --quiet "$name"; then find "$name" -mindepth 1 -delete; else rm -rf "$name"; fi
  done
  rm -f /etc/cni/net.d/.kubernetes-cni-keep
  [ -f "$state/before/cni-etc" ] || rm -rf /etc/cni
  [ -f "$state/before/cni-bin" ] || rm -rf /opt/cni
  [ -f "$state/before/containerd-opt" ] || rm -rf /opt/containerd
  for name in kubeadm kubelet kubectl; do
    if [ -L "/usr/local/bin/$name" ]; then rm -f "/usr/local/bin/$name"; fi
  done
  rm -rf "$opt" /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d /usr/lib/systemd/system/kubelet.service.d
  rm -f /etc/modules-load.d/stratiform.conf /etc/sysctl.d/99-stratiform.conf /etc/keepalived/keepalived.conf
  rmdir /usr/libexec/kubernetes/kubelet-plugins/volume/exec /usr/libexec/kubernetes/kubelet-plugins/volume \
    /usr/libexec/kubernetes/kubelet-plugins /usr/libexec/kubernetes 2>/dev/null || true
  # Written to, not replaced: where the host is a container the file is a mount.
  name="$(sed '/^# stratiform begin$/,/^# stratiform end$/d' /etc/hosts)"
  if [ "$name" = "$(cat "$state/before/hosts")" ]; then cat "$state/before/hosts" >/etc/hosts; else printf '%s\n' "$name" >/etc/hosts; fi
  systemctl daemon-reload
  systemctl reset-failed 2>/dev/null || true
}

restore_host() {
  [ -f "$state/before/containerd-certs" ] || rm -rf /etc/containerd/certs.d
  if [ -f "$state/before/containerd.toml" ]; then
    cp -p "$state/before/containerd.toml" /etc/containerd/config.toml
  else
    rm -f /etc/containerd/config.toml
  fi
  [ ! -f "$state/before/sysctl" ] || sysctl --quiet --load "$state/before/sysctl" >/dev/null 2>&1 || true
  [ ! -f /etc/fstab ] || sed -i 's/^# stratiform: //' /etc/fstab
  while read -r device; do swapon "$device" || true; done <"$state/before/swap"
  remove_packages
  if [ -f "$state/before/containerd-active" ]; then
    # Images and snapshots went with the namespace; what is left is containerd's own bookkeeping.
    [ -s "$state/before/containerd-namespaces" ] || find /var/lib/containerd -mindepth 1 -delete 2>/dev/null || true
    systemctl start containerd
  elif [ ! -f "$state/before/containerd-root" ]; then
    rm -rf /var/lib/containerd /run/containerd
  fi
}

# Those that "prepare" added, unless something that came later needs them.
remove_packages() {
  local added=() others
  # Where "prepare" was broken off in the middle of its installation.
  [ ! -f "$state/packages-before" ] || note_packages
  [ -f "$state/packages-added" ] || return 0
  mapfile -t added < <(installed_packages | comm -12 - <(sort -u "$state/packages-added"))
  ((${#added[@]} > 0)) || return 0
  others="$(apt-get --simulate purge "${added[@]}" 2>/dev/null | sed -n 's/^\(Purg\|Remv\) \(\S*\).*/\2/p' | sort | comm -23 - <(printf '%s\n' "${added[@]%:*}" | sort))"
  if [ -n "$others" ]; then
    say "packages that were added stay, as others need them: $(tr '\n' ' ' <<<"$others")"
    return 0
  fi
  say "removing the packages that were added: ${added[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get purge --yes --quiet -o DPkg::Lock::Timeout=300 "${added[@]}" >/dev/null ||
    say "some packages could not be removed: ${added[*]}"
}
