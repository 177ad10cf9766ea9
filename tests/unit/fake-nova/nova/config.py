"""Stands in for Nova's configuration."""


def parse_args(argv):
    assert argv == ["nova-manage"], argv
