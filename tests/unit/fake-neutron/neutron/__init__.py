"""Stands in for Neutron, where its metadata agent is started alone."""
