"""Stands in for nova-manage: it makes a second cell of a name without a word, as that does."""

from nova import objects


class CellV2Commands:
    def map_cell0(self, database_connection):
        if not any(words[0] == "cell0" for words in objects.lines()):
            objects.add("cell0", "none://", database_connection)
        return 0

    def create_cell(self, name, database_connection, transport_url):
        objects.add(name, transport_url, database_connection)
        return 0
