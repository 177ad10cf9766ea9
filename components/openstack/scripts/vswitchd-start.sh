#!/bin/sh
# Open vSwitch itself, once its database has the settings that it reads only when it starts.
set -eu

until [ -e /run/stratiform/host-network/configured ] &&
  ovs-vsctl --no-wait --timeout=5 get Open_vSwitch . external_ids:ovn-bridge-datapath-type >/dev/null 2>&1; do
  sleep 0.5
done
exec ovs-vswitchd unix:/run/openvswitch/db.sock --unixctl=/run/openvswitch/ovs-vswitchd.ctl \
  -vconsole:info -vsyslog:off -vfile:off
