#!/bin/sh
# Takes a compute host's agents out of Neutron, with nova-compute's credentials, once they have ended. It was taken out of
# Nova before it left.
# Inputs: PROGRAM

stop_kubelet
kill_containers ovn-metadata-agent
leave_ovn
inside compute python3 "$PROGRAM" sign-off
kill_containers compute
