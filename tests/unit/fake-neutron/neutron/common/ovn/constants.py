"""Stands in for Neutron's constants."""

HASH_RING_CACHE_TIMEOUT = 60
HASH_RING_NODES_TIMEOUT = 120
