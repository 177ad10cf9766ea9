"""Makes Neutron's API wait for OVN, and see within seconds who deals with OVN's events. uwsgi imports it before the API.

At its start the API makes one entry in OVN's database. Where that does not answer yet, as after a power cut, the API ends,
and Kubernetes starts it again after 10, 20, 40 and at last 300 s.

The workers of all pods share out the events of OVN, such as that a server's port is up, which Nova waits for, by a ring in
the database. Neutron keeps what it has read of it for a minute, and counts a worker for two minutes after it was last
heard of, which is every 15 s. What is meant for one that has ended meanwhile is lost, and the server fails: for a minute
after each roll of the API, for three after a database was gone together with it. Neutron has no options for these.
"""

from neutron.common.ovn import constants, utils

# Seconds: a read of a few rows at most that often, in place of 60.
CACHE = 2
# Seconds: four times HASH_RING_TOUCH_INTERVAL, in place of 120.
SILENCE = 60

enter = utils.create_neutron_pg_drop


def create_neutron_pg_drop():
    try:
        enter()
    except Exception as error:
        print(f"neutron-api: waits for OVN: {error}", flush=True)
        raise


# With the pauses of ovsdb_retry_max_interval, as all else that asks OVN.
utils.create_neutron_pg_drop = utils.retry()(create_neutron_pg_drop)

for name in ("HASH_RING_CACHE_TIMEOUT", "HASH_RING_NODES_TIMEOUT"):
    if not isinstance(getattr(constants, name, None), int):
        raise RuntimeError(f"neutron-api.py: neutron.common.ovn.constants has no number {name}, so this file does not suit this release of Neutron")

constants.HASH_RING_CACHE_TIMEOUT = CACHE
constants.HASH_RING_NODES_TIMEOUT = SILENCE
print(f"neutron-api: the ring is read every {CACHE} s, and lives without whoever is silent for {SILENCE} s", flush=True)
