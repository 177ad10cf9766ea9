"""Stands in for openstacksdk where a program of ours is tried alone: its networks lie in the file $STATE, its calls in $CALLS."""

import json
import os
import sys
import types

exceptions = types.ModuleType("openstack.exceptions")
for name in ("SDKException", "BadRequestException", "ConflictException"):
    base = Exception if name == "SDKException" else exceptions.SDKException
    setattr(exceptions, name, type(name, (base,), {}))
sys.modules["openstack.exceptions"] = exceptions


class Item(types.SimpleNamespace):
    tags = []


class Network:
    def __init__(self):
        with open(os.environ["STATE"], encoding="utf-8") as file:
            self.state = json.load(file)

    def _call(self, call, attributes):
        if call == self.state.get("refuses"):
            raise exceptions.BadRequestException("Invalid input")
        with open(os.environ["CALLS"], "a", encoding="utf-8") as file:
            file.write(json.dumps([call, attributes]) + "\n")
        with open(os.environ["STATE"], "w", encoding="utf-8") as file:
            json.dump(self.state, file)

    def _list(self, kind, tags=None, **query):
        for item in self.state[kind]:
            if (tags is None or tags in item.get("tags", [])) and all(item[key] == value for key, value in query.items()):
                yield Item(**item)

    def _create(self, kind, attributes):
        item = {"id": f"{kind}-{len(self.state[kind]) + 1}", "tags": [], **attributes}
        self.state[kind].append(item)
        self._call(f"create {kind}", attributes)
        return Item(**item)

    def _update(self, kind, item, attributes):
        stored = next(one for one in self.state[kind] if one["id"] == item.id)
        stored.update(attributes)
        self._call(f"update {kind}", attributes)
        return Item(**stored)

    def networks(self, **query):
        return self._list("networks", **query)

    def subnets(self, **query):
        return self._list("subnets", **query)

    def create_network(self, **attributes):
        return self._create("networks", attributes)

    def create_subnet(self, **attributes):
        return self._create("subnets", attributes)

    def update_network(self, item, **attributes):
        return self._update("networks", item, attributes)

    def update_subnet(self, item, **attributes):
        return self._update("subnets", item, attributes)

    def set_tags(self, item, tags):
        return self._update("subnets" if hasattr(item, "cidr") else "networks", item, {"tags": tags})


class Connection:
    def __init__(self):
        self.network = Network()

    def authorize(self):
        return "token"


def connect(cloud):
    assert cloud == "admin" and os.environ["OS_CLIENT_CONFIG_FILE"].endswith("/clouds.yaml")
    return Connection()
