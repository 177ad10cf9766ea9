"""Stands in for Neutron's metadata agent: its connections, and a thread that goes on for ever."""

import sys
import threading

from neutron.agent.ovn.metadata import ovsdb


def main():
    threading.Thread(target=threading.Event().wait).start()
    ovsdb.MetadataAgentOvsIdl().start()
    ovsdb.MetadataAgentOvnSbIdl().start()
    print("serves", *sys.argv[1:], flush=True)
    raise KeyError("system-id")
