#!/bin/sh
# Makes of a host what Open vSwitch needs: kernel module or, without it, a tunnel device and an address of its own; tells
# Open vSwitch and OVN their settings; and keeps it so. It may end and begin anew at any time: nothing stops with it.
# Inputs: CLOUD NODE_NAME HOST_IP DATAPATH TUNNEL_TYPE TUNNEL_CIDR TUNNEL_MTU OVN_REMOTE PHYSICAL_NETWORK PEERS
#   TUNNEL_INTERFACES PROVIDER_INTERFACES (each "name=interface …")
set -eu

facts=/run/stratiform/host-network
management=/run/openvswitch/br-int.mgmt
called=
# The decision for this host, so that a module that turns up later does not change what guests are plugged into.
decision=/etc/openvswitch/datapath
# Carries the tunnels of user space between hosts. Number and port are those of no other VXLAN: 4789 is the usual port.
underlay=underlay0
underlay_id=77
underlay_port=4790
vxlan_overhead=50
flood=00:00:00:00:00:00

fail() {
  echo "error: $NODE_NAME: $*" >&2
  exit 1
}

# Value of this host in a list "name=value …", or nothing.
own_value() {
  for item in $1; do
    case "$item" in "$NODE_NAME="*) echo "${item#*=}" ;; esac
  done
}

# has LIST WORD: whether a word is among others.
has() {
  for word in $1; do
    [ "$word" != "$2" ] || return 0
  done
  return 1
}

number_of() {
  echo "$1" | {
    IFS=. read -r a b c d
    echo "$(((a << 24) + (b << 16) + (c << 8) + d))"
  }
}

address_of() { echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# Address in the tunnels' network that ends like the host's own.
tunnel_address() {
  mask="$((0xffffffff >> ${TUNNEL_CIDR#*/}))"
  address_of "$(($(number_of "${TUNNEL_CIDR%/*}") & ~mask | $(number_of "$HOST_IP") & mask))"
}

interface_of() { ip -o -4 address show to "$1/32" | awk '{ print $2; exit }'; }

first_address_of() { ip -o -4 address show dev "$1" scope global | awk '{ sub("/.*", "", $4); print $4; exit }'; }

kernel_has_datapath() {
  [ -d /sys/module/openvswitch ] || nsenter --target 1 --mount -- modprobe openvswitch >/dev/null 2>&1 || true
  [ -d /sys/module/openvswitch ]
}

choose_datapath() {
  datapath="$DATAPATH"
  if [ "$datapath" = auto ]; then datapath="$(cat "$decision" 2>/dev/null || true)"; fi
  case "$datapath" in
    kernel)
      kernel_has_datapath || fail "its kernel has no openvswitch module; set networks.datapath to userspace, or install the module"
      ;;
    userspace) ;;
    *) if kernel_has_datapath; then datapath=kernel; else datapath=userspace; fi ;;
  esac
  echo "$datapath" >"$decision"
}

# Interface and address of the tunnels, and whether packets of the size that guests are told fit through.
find_tunnel() {
  interface="$(interface_of "$HOST_IP")"
  [ -n "$interface" ] || fail "no interface has its address $HOST_IP"
  needed="$TUNNEL_MTU"
  encap="$HOST_IP"
  if [ "$datapath" = userspace ]; then
    needed="$((TUNNEL_MTU + vxlan_overhead))"
    encap="$(tunnel_address)"
  elif [ -n "$(own_value "$TUNNEL_INTERFACES")" ]; then
    interface="$(own_value "$TUNNEL_INTERFACES")"
    [ -e "/sys/class/net/$interface" ] || fail "it has no interface $interface (interfaces.tunnel)"
    encap="$(first_address_of "$interface")"
    [ -n "$encap" ] || fail "its interface $interface (interfaces.tunnel) has no IPv4 address; give it one"
  fi
  mtu="$(cat "/sys/class/net/$interface/mtu")"
  [ "$mtu" -ge "$needed" ] || fail "interface $interface carries packets of $mtu bytes, and $needed are needed; set networks.tunnel.mtu to $mtu"
}

find_provider() {
  provider="$(own_value "$PROVIDER_INTERFACES")"
  [ -n "$provider" ] || return 0
  [ -e "/sys/class/net/$provider" ] || fail "it has no interface $provider (interfaces.provider)"
  [ "$provider" != "$(interface_of "$HOST_IP")" ] ||
    fail "its interface $provider carries the host's own address, which a bridge would take away; the external network needs an interface of its own"
}

# A bridge over the hosts' network, by UDP between their addresses: user space cannot send tunnels through an interface that
# the kernel uses.
ensure_underlay() {
  if ! ip -d link show "$underlay" 2>/dev/null | grep -q " local $HOST_IP "; then
    ip link delete "$underlay" 2>/dev/null || true
    ip link add "$underlay" type vxlan id "$underlay_id" dstport "$underlay_port" local "$HOST_IP"
  fi
  ip link set "$underlay" mtu "$TUNNEL_MTU" up
  known="$(bridge fdb show dev "$underlay" | sed -n "s/^$flood dst \([0-9.]*\) .*/\1/p")"
  for peer in $PEERS; do
    [ "$peer" = "$HOST_IP" ] || has "$known" "$peer" || bridge fdb append "$flood" dev "$underlay" dst "$peer"
  done
  for peer in $known; do
    has "$PEERS" "$peer" || bridge fdb delete "$flood" dev "$underlay" dst "$peer"
  done
}

vsctl() { ovs-vsctl --no-wait --timeout=10 "$@"; }

# Bridges, ports and settings, in the database: Open vSwitch and OVN follow it by themselves.
configure() {
  type=system
  [ "$datapath" = kernel ] || type=netdev
  vsctl init
  vsctl --may-exist add-br br-int -- set Bridge br-int "datapath_type=$type" fail-mode=secure other_config:disable-in-band=true
  if [ "$datapath" = userspace ]; then
    # Without it guests' packets have checksums that connection tracking finds wrong. Read when ovs-vswitchd starts.
    vsctl set Open_vSwitch . other_config:userspace-tso-enable=true
    # A hardware address that stays, as the other hosts remember it.
    mac="$(number_of "$encap" | { read -r n; printf '02:00:%02x:%02x:%02x:%02x' "$((n >> 24 & 255))" "$((n >> 16 & 255))" "$((n >> 8 & 255))" "$((n & 255))"; })"
    vsctl --may-exist add-br br-tun -- set Bridge br-tun datapath_type=netdev "other_config:hwaddr=\"$mac\"" \
      -- --may-exist add-port br-tun "$underlay"
  fi
  configure_provider
  vsctl set Open_vSwitch . "external_ids:system-id=$NODE_NAME" "external_ids:hostname=$NODE_NAME" \
    "external_ids:ovn-remote=\"$OVN_REMOTE\"" "external_ids:ovn-encap-type=$TUNNEL_TYPE" "external_ids:ovn-encap-ip=\"$encap\"" \
    external_ids:ovn-bridge=br-int external_ids:ovn-monitor-all=true external_ids:ovn-openflow-probe-interval=60 \
    external_ids:ovn-remote-probe-interval=10000 "external_ids:ovn-bridge-datapath-type=$type"
}

configure_provider() {
  if [ -z "$provider" ]; then
    vsctl --if-exists del-br br-ex
    vsctl remove Open_vSwitch . external_ids ovn-bridge-mappings
    vsctl remove Open_vSwitch . external_ids ovn-cms-options
    return 0
  fi
  vsctl --may-exist add-br br-ex -- set Bridge br-ex "datapath_type=$type"
  for port in $(vsctl list-ports br-ex); do
    # OVN's own patch ports stay.
    case "$port" in "$provider" | patch-*) ;; *) vsctl --if-exists del-port br-ex "$port" ;; esac
  done
  vsctl --may-exist add-port br-ex "$provider"
  vsctl set Open_vSwitch . "external_ids:ovn-bridge-mappings=$PHYSICAL_NETWORK:br-ex" external_ids:ovn-cms-options=enable-chassis-as-gw
  ip link set "$provider" up
}

is_up() {
  read -r flags <"/sys/class/net/$1/flags"
  [ "$((flags & 1))" = 1 ]
}

# Bridges of user space come back down when ovs-vswitchd was away.
raise_bridges() {
  for bridge in br-int br-ex br-tun; do
    if [ ! -e "/sys/class/net/$bridge" ] || is_up "$bridge" 2>/dev/null; then continue; fi
    [ "$bridge" != br-tun ] || ip address replace "$encap/${TUNNEL_CIDR#*/}" dev br-tun 2>/dev/null || continue
    ip link set "$bridge" up 2>/dev/null || continue
    echo "$bridge is up"
  done
}

# A guest's device that ovs-vswitchd takes up in the moment in which libvirt raises it stays down: ovs-vswitchd writes back
# the flags that it has read before.
raise_guests() {
  ports=
  for device in /sys/class/net/tap*; do
    device="${device##*/}"
    if [ ! -e "/sys/class/net/$device" ] || is_up "$device" 2>/dev/null; then continue; fi
    : "${ports:=$(vsctl list-ports br-int || true)}"
    has "$ports" "$device" || continue
    ip link set "$device" up 2>/dev/null || continue
    echo "$device is up"
  done
}

# ovn-controller calls an Open vSwitch that has begun anew after 1, 3, 7 or 15 s, and guests are cut off until then. Another
# spelling of the address has it call at once.
call_controller() {
  seen="$(stat -c '%i %z' "$management" 2>/dev/null || true)"
  if [ -z "$seen" ] || [ "$seen" = "$called" ]; then return 0; fi
  if [ -n "$called" ]; then
    spelling="unix:$management"
    [ "$(vsctl --if-exists get Open_vSwitch . external_ids:ovn-bridge-remote)" != "\"$spelling\"" ] || spelling="unix:/var$management"
    vsctl set Open_vSwitch . "external_ids:ovn-bridge-remote=\"$spelling\"" || return 0
    echo "Open vSwitch has begun anew: ovn-controller calls it"
  fi
  called="$seen"
}

trap 'exit 0' TERM INT
rm -f "$facts/configured"
choose_datapath
find_tunnel
find_provider
[ "$datapath" = kernel ] || ensure_underlay
echo "$datapath" >"$facts/datapath"
echo "datapath $datapath, tunnels from $encap, provider interface ${provider:-none}"
until vsctl show >/dev/null 2>&1; do
  sleep 0.5 &
  wait $!
done
configure
: >"$facts/configured"
while :; do
  call_controller
  raise_bridges
  raise_guests
  if [ "$datapath" = userspace ] && [ ! -e "/sys/class/net/$underlay" ]; then ensure_underlay; fi
  sleep 1 &
  wait $!
done
