"""Stands in for oslo.config where a program of ours is tried alone."""


class cfg:
    pass
