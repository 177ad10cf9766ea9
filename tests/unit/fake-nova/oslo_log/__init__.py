"""Stands in for oslo.log where a program of ours is tried alone."""

from . import log
