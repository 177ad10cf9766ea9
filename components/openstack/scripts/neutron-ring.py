"""Makes Neutron's API see within seconds who deals with OVN's events. uwsgi imports it into each worker, before the API.

The workers of all pods share out the events of OVN, such as that a server's port is up, which Nova waits for, by a ring in
the database. Neutron keeps what it has read of it for a minute, and counts a worker for two minutes after it was last
heard of, which is every 15 s. What is meant for one that has ended meanwhile is lost, and the server fails: for a minute
after each roll of the API, for three after a database was gone together with it. Neutron has no options for these.
"""

from neutron.common.ovn import constants

# Seconds: a read of a few rows at most that often, in place of 60.
CACHE = 2
# Seconds: four times HASH_RING_TOUCH_INTERVAL, in place of 120.
SILENCE = 60

for name in ("HASH_RING_CACHE_TIMEOUT", "HASH_RING_NODES_TIMEOUT"):
    if not isinstance(getattr(constants, name, None), int):
        raise RuntimeError(f"neutron-ring.py: neutron.common.ovn.constants has no number {name}, so this file does not suit this release of Neutron")

constants.HASH_RING_CACHE_TIMEOUT = CACHE
constants.HASH_RING_NODES_TIMEOUT = SILENCE
print(f"neutron-ring: the ring is read every {CACHE} s, and lives without whoever is silent for {SILENCE} s", flush=True)
