"""Enters Nova's cells in its database: cell0, for servers that no host took, and the one that has all hosts.

    nova-cells.py <name> <database of the cell> <database of cell0> <message bus of the cell>

May be run again at any time. nova-manage would make a second cell of the same name: it compares what it is given with
what is there after templates are filled in.
"""

import sys

from nova import config, context, objects
from nova.cmd import manage


def main(name, database, unplaced, message_bus):
    config.parse_args(["nova-manage"])
    objects.register_all()
    commands = manage.CellV2Commands()
    status = commands.map_cell0(database_connection=unplaced)
    if status:
        return status
    if any(one.name == name for one in objects.CellMappingList.get_all(context.get_admin_context())):
        print(f"cell {name} is there")
        return 0
    return commands.create_cell(name=name, database_connection=database, transport_url=message_bus)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
