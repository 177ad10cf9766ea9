#!/bin/sh
# Takes a compute host's agents out of Neutron, with nova-compute's credentials, once they have ended. It was taken out of
# Nova before it left.
# Inputs: PROGRAM

stop_kubelet
kill_containers ovn-metadata-agent
leave_ovn
for container in $(containers compute); do
  timeout 90 ctr --namespace k8s.io tasks exec --exec-id "release-$$" "$container" python3 "$PROGRAM" sign-off ||
    echo "the agents of this host stay in Neutron's list; take them out there: openstack network agent delete"
done
kill_containers compute
