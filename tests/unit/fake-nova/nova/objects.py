"""Stands in for Nova's database of cells: a file, with a line for each: name, message bus, database."""

import os
from types import SimpleNamespace

FILE = os.environ.get("CELLS", "")


def register_all():
    pass


def lines():
    if not os.path.exists(FILE):
        return []
    with open(FILE) as file:
        return [line.split() for line in file]


def add(*words):
    with open(FILE, "a") as file:
        file.write(" ".join(words) + "\n")


class CellMappingList:
    @staticmethod
    def get_all(context):
        assert context == "administrator"
        return [SimpleNamespace(name=name, database=database) for name, _, database in lines()]
