"""neutron-ovn-metadata-agent, which waits for the databases of its host and of OVN, and ends when its start has failed.

By itself it asks Open vSwitch's database once. Where that is not there yet, as after a power cut, it logs an error, does
nothing from then on, and does not end, since threads of its go on. OVN's database it asks again and again, with pauses that
double up to three minutes, so it may see minutes too late that this has come. Arguments: those of the agent.
"""

import os
import sys
import traceback

from neutron.common.ovn import utils

retry = utils.retry
# With the pauses of ovsdb_retry_max_interval. The agent's modules ask for their own when they are imported, so this is before.
utils.retry = lambda max_=None: retry()

from neutron.agent.ovn.metadata import ovsdb  # noqa: E402
from neutron.cmd.agents import ovn_metadata  # noqa: E402

connect = ovsdb.MetadataAgentOvsIdl.start


def start(self):
    try:
        return connect(self)
    except Exception as error:
        print(f"Waits for Open vSwitch's database: {error}", flush=True)
        raise


ovsdb.MetadataAgentOvsIdl.start = utils.retry()(start)

if __name__ == "__main__":
    try:
        ovn_metadata.main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads that the agent has begun would keep the process.
        os._exit(1)
