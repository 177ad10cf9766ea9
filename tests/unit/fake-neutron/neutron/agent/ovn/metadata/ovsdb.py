"""Stands in for the connections of Neutron's metadata agent, each of which fails as often as a variable says."""

import os

from neutron.common.ovn import utils

failures = {name: int(os.environ[name]) for name in ("HOST_FAILURES", "OVN_FAILURES")}


def answers(name):
    failures[name] -= 1
    if failures[name] >= 0:
        raise Exception("Connection refused")


class MetadataAgentOvsIdl:
    def start(self):
        answers("HOST_FAILURES")


class MetadataAgentOvnSbIdl:
    @utils.retry(max_=180)
    def start(self):
        answers("OVN_FAILURES")
