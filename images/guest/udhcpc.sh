#!/bin/sh
# What udhcpc calls with the answer of a DHCP server in its environment: address, MTU, routes, name servers.

case $1 in
deconfig)
  ip link set "$interface" up
  ;;
bound | renew)
  # The network below may carry less than 1500: larger packets would be lost without a word.
  [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
  ip addr replace "$ip/$mask" ${broadcast:+broadcast "$broadcast"} dev "$interface"
  if [ -n "$staticroutes" ]; then
    # Option 121. It has the way to the metadata service, and the default route; the option "router" does not count then.
    # shellcheck disable=SC2086 # destination and gateway in turn
    set -- $staticroutes
    while [ $# -ge 2 ]; do
      if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2" dev "$interface"; fi
      shift 2
    done
  else
    for gateway in $router; do
      ip route replace default via "$gateway" dev "$interface"
      break
    done
  fi
  {
    [ -z "$domain" ] || echo "search $domain"
    for server in $dns; do echo "nameserver $server"; done
  } >/etc/resolv.conf
  ;;
esac
