"""Runs compute-host.py against a Nova that this file plays: try-compute-host.py PROGRAM ACTION, with its state as JSON on
standard input and on the last line of standard output. A server's "fate" is what becomes of its migration."""

import importlib.util
import json
import platform
import sys

from keystoneauth1 import exceptions

spec = importlib.util.spec_from_file_location("compute_host", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)


class Response:
    def __init__(self, **body):
        self.body = body

    def json(self):
        return self.body


class FakeNova:
    def __init__(self, state):
        self.state = state
        self.calls = []
        self.clock = 0

    def of_host(self, host):
        return [one for one in self.state["servers"] if one["OS-EXT-SRV-ATTR:host"] == host]

    def get(self, path, params=None):
        if path == "/os-services":
            found = [one for one in self.state["services"] if one["host"] == params["host"]]
            # It reports itself by and by.
            for one in found:
                one["looks"] = one.get("looks", 0) - 1
                one["state"] = "up" if one["looks"] < 0 else "down"
                # What an ended process has reported stays as it is.
                if one["looks"] < -one.get("stale", 0):
                    one["updated_at"] = f"look {one['looks']}"
                one.setdefault("updated_at", None)
            return Response(services=found)
        if path == "/os-hypervisors/detail":
            # A cell has it by and by, too.
            self.state["cellLooks"] = self.state.get("cellLooks", 0) - 1
            if self.state["cellLooks"] >= 0:
                raise exceptions.NotFound()
            assert params["hypervisor_hostname_pattern"] == platform.node().split(".")[0]
            other = {"service": {"host": "node-20"}}
            return Response(hypervisors=[other] if self.state["cellLooks"] == -1 else [other, {"service": {"host": "node-2"}}])
        if path == "/servers/detail":
            assert params["all_tenants"] == 1
            servers = [] if "marker" in params else self.of_host(params["host"])
            return Response(servers=[dict(one) for one in servers])
        if path == "/os-migrations":
            return Response(migrations=[one for one in self.state["migrations"] if one["instance_uuid"] == params["instance_uuid"]])
        server = next((one for one in self.state["servers"] if path == f"/servers/{one['id']}"), None)
        if server is None:
            raise exceptions.NotFound()
        self.go_on(server)
        return Response(server=dict(server))

    def go_on(self, server):
        """A migration takes two looks, and one more until its source is done with it."""
        server["looks"] = server.get("looks", 0) + 1
        for one in self.state["migrations"]:
            if one["instance_uuid"] == server["id"] and one["status"] == "post-migrating":
                one["status"] = "completed"
        if server["looks"] < 2 or server["OS-EXT-STS:task_state"] is None:
            return
        server["OS-EXT-STS:task_state"] = None
        ours = [one for one in self.state["migrations"] if one["instance_uuid"] == server["id"]][-1]
        if server["fate"] == "moves":
            server["OS-EXT-SRV-ATTR:host"] = "other"
            ours["status"] = "post-migrating"
        else:
            ours["status"] = "error"

    def put(self, path, json):
        service = next(one for one in self.state["services"] if path == f"/os-services/{one['id']}")
        service.update({"disabled_reason": None, **json})
        self.calls.append(["put", json["status"]])

    def delete(self, path):
        self.state["services"] = [one for one in self.state["services"] if path != f"/os-services/{one['id']}"]
        self.calls.append(["delete", path])

    def post(self, path, json):
        server = next(one for one in self.state["servers"] if path == f"/servers/{one['id']}/action")
        self.calls.append(["migrate", server["id"]])
        assert json == {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        if server["fate"] == "refused":
            error = exceptions.HttpError()
            error.message = "No valid host was found."
            raise error
        if server["fate"] != "nobody":
            server["OS-EXT-STS:task_state"] = "migrating"
            self.state["migrations"].append({"id": 100 + len(self.calls), "instance_uuid": server["id"], "status": "running"})


class FakeNeutron:
    def __init__(self, state, calls):
        self.state = state
        self.calls = calls

    def get(self, path, params):
        assert path == "/v2.0/agents"
        # It is away for a while.
        self.state["away"] = self.state.get("away", 0) - 1
        if self.state["away"] >= 0:
            raise exceptions.ClientException("nobody listens")
        return Response(agents=[one for one in self.state.get("agents", []) if one["host"] == params["host"]])

    def delete(self, path):
        self.calls.append(["delete", path])


nova = FakeNova(json.load(sys.stdin))
code = program.main(sys.argv[2:], "node-2", nova, FakeNeutron(nova.state, nova.calls))
print(json.dumps({"calls": nova.calls, **nova.state}))
sys.exit(code)
