"""Stands in for Nova, where its console proxy's program is tried alone."""
