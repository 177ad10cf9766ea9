#!/bin/sh
# Holds the endpoint addresses, with the other control hosts, by keepalived.
# Beside it lie: addresses, hosts (one a line), interface (empty: the one that carries the host's own address).
# Arguments: keepalived's program. Environment: HOST_ADDRESS; RUN, the directory of what runs (/run).
set -eu
here=$(dirname "$0")
run=${RUN:-/run}
file=$run/keepalived.conf

interface=$(cat "$here/interface")
if [ -z "$interface" ]; then
  interface=$(ip -o -4 address show | awk -v address="$HOST_ADDRESS" '{ split($4, part, "/"); if (part[1] == address) { print $2; exit } }')
fi
if [ -z "$interface" ]; then
  echo "no interface of this host carries its address $HOST_ADDRESS; name one in endpoint.interface" >&2
  exit 1
fi

# Any host begins with the same right; who holds the addresses keeps them until it goes.
instance() {
  address=$1
  printf '%s\n' "vrrp_instance edge_$2 {" "  state BACKUP" "  nopreempt" "  interface $interface" \
    "  virtual_router_id $3" "  priority 100" "  advert_int 0.5" \
    "  unicast_src_ip $HOST_ADDRESS" "  unicast_peer {"
  while read -r host; do
    [ "$host" = "$HOST_ADDRESS" ] || printf '    %s\n' "$host"
  done <"$here/hosts"
  printf '%s\n' "  }" "  virtual_ipaddress {" "    $address/32 dev $interface" "  }" "}"
}

{
  # Version 3 knows fractions of a second: another host takes over within two.
  # A router identifier of VRRP is 1 to 255; the cluster's own virtual IP takes its last octet, and so do these.
  printf '%s\n' "global_defs {" "  vrrp_version 3" "  vrrp_garp_master_refresh 60" "  vrrp_garp_master_repeat 2" "}"
  number=0
  while read -r address; do
    number=$((number + 1))
    router=${address##*.}
    [ "$router" -ne 0 ] || router=255
    instance "$address" "$number" "$router"
  done <"$here/addresses"
} >"$file"

exec "$@" --dont-fork --log-console --log-detail --use-file="$file" --pid="$run/keepalived.pid" \
  --vrrp_pid="$run/keepalived-vrrp.pid"
