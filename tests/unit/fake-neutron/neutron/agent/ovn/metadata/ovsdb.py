"""Stands in for the connections of Neutron's metadata agent."""

from neutron.common.ovn import utils


class MetadataAgentOvsIdl:
    def start(self):
        utils.answers("HOST_FAILURES")


class MetadataAgentOvnSbIdl:
    @utils.retry(max_=180)
    def start(self):
        utils.answers("OVN_FAILURES")
