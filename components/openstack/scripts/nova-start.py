"""Starts a program of Nova, and lets it wait for Placement where by itself it would end.

nova-conductor, nova-scheduler and nova-compute make a client of Placement at their start, for which they ask Keystone and
Placement. Nova takes some failures of that for passing ones, but not what a cloud is like that comes up again as a whole:
Keystone answers, and for Placement the edge says 503. nova-compute ends at any failure. Kubernetes starts it again after
10, 20, 40 and at last 300 s, when what it asks for may have been there for minutes. Refused credentials still end it.

Arguments: conductor, scheduler or compute, and those of the program.
"""

import importlib
import os
import sys
import time

# Seconds between two tries.
PAUSE = float(os.environ.get("STRATIFORM_PAUSE", "2"))


def patient(create, passing, fatal, log):
    """`create`, tried until nothing passing hinders it. Each hindrance is told once."""

    def created(self):
        told = None
        while True:
            try:
                client = create(self)
            except fatal:
                raise
            except passing as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("Waits for Placement: %s", told)
                time.sleep(PAUSE)
            else:
                if told is not None:
                    log.warning("Placement answers")
                return client

    return created


def main():
    name = sys.argv[1]
    program = importlib.import_module(f"nova.cmd.{name}")  # puts eventlet's modules in the place of Python's, so: first
    from keystoneauth1 import exceptions as keystone
    from nova.scheduler.client import report
    from openstack import exceptions as sdk
    from oslo_log import log

    client = report.SchedulerReportClient
    passing = (keystone.ClientException, sdk.SDKException)
    fatal = (keystone.MissingAuthPlugin, keystone.Unauthorized)
    client._create_client = patient(client._create_client, passing, fatal, log.getLogger("nova.start"))
    # Nova has its name, in the list of services too, from here.
    sys.argv = [f"nova-{name}", *sys.argv[2:]]
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
