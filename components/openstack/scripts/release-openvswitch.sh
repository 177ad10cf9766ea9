#!/bin/sh
# Takes bridges, tunnels and all files of a cloud from a host.

stop_kubelet
leave_ovn
# Takes the datapath out of the kernel.
inside ovs-vswitchd ovs-appctl --timeout=10 -t /run/openvswitch/ovs-vswitchd.ctl exit --cleanup
kill_containers
sleep 1
for link in br-int br-ex br-tun ovs-netdev ovs-system underlay0 genev_sys_6081; do
  [ ! -e "/sys/class/net/$link" ] || ip link delete "$link" 2>/dev/null || true
done
for directory in "/var/lib/stratiform/$CLOUD" "/run/stratiform/$CLOUD"; do
  unmount_below "$directory"
  rm -rf --one-file-system "$directory"
done
for link in br-int br-ex br-tun underlay0; do
  [ ! -e "/sys/class/net/$link" ] || {
    echo "error: $link is still there" >&2
    exit 1
  }
done
