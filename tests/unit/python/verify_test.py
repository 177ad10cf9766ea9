"""Tests of verify.py and verify_steps.py in components/operations/scripts with a stand-in for the SDK. Run by operations-verify.test.ts."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
import unittest.mock
from types import SimpleNamespace as Thing

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../components/operations/scripts"))
import verify  # noqa: E402
import verify_steps  # noqa: E402


class NotFound(Exception):
    status_code = 404


class Kind:
    """Objects of one kind in a stand-in cloud."""

    def __init__(self, cloud, kind):
        self.cloud, self.kind, self.items = cloud, kind, {}

    def add(self, **fields):
        identity = f"{self.kind}-{len(self.cloud.log)}"
        self.items[identity] = Thing(id=identity, **fields)
        self.cloud.log.append(f"make {self.kind}")
        return self.items[identity]

    def list(self, **filters):
        return [one for one in self.items.values() if all(getattr(one, k, None) == v for k, v in filters.items() if v is not None)]

    def remove(self, one):
        self.cloud.log.append(f"delete {self.kind}")
        if self.items.pop(one.id, None) is None:
            raise NotFound(one.id)


class FakeCloud:
    """As much of openstack.Connection as the verification uses. It refuses what a real cloud refuses."""

    current_project_id = "project"

    def __init__(self, hosts=("node-2", "node-3"), external="external", broken=None):
        self.log, self.broken = [], broken
        kinds = ["server", "flavor", "keypair", "network", "subnet", "router", "port", "ip", "group", "image"]
        self.kinds = {kind: Kind(self, kind) for kind in kinds}
        if external:
            self.kinds["network"].items["external"] = Thing(id="external", name=external, is_router_external=True, mtu=1500)
        k = self.kinds
        self.image = Thing(
            create_image=lambda name, **_: k["image"].add(name=name, status="active"),
            get_image=lambda identity: k["image"].items[identity],
            images=k["image"].list,
            delete_image=k["image"].remove,
        )
        self.compute = Thing(
            services=lambda binary: [Thing(host=host, state="up", status="enabled") for host in hosts]
            + [Thing(host="node-0", state="down", status="enabled"), Thing(host="node-1", state="up", status="disabled")],
            create_flavor=lambda **fields: k["flavor"].add(**{**fields, "is_public": None}),
            flavor_add_tenant_access=lambda flavor, project: None,
            flavors=k["flavor"].list,
            delete_flavor=k["flavor"].remove,
            create_keypair=lambda **fields: k["keypair"].add(**fields),
            keypairs=k["keypair"].list,
            delete_keypair=k["keypair"].remove,
            post=self.create_server,
            get_server=lambda identity: k["server"].items[identity],
            servers=k["server"].list,
            delete_server=k["server"].remove,
            get_server_console_output=lambda identity, length: {"output": "boot\nguest: ready\n"},
        )
        self.network = Thing(
            networks=k["network"].list,
            create_network=lambda name: k["network"].add(name=name, mtu=1442, is_router_external=False),
            delete_network=self.delete_network,
            create_subnet=lambda **fields: k["subnet"].add(**fields),
            create_router=lambda **fields: k["router"].add(**fields),
            routers=k["router"].list,
            delete_router=self.delete_router,
            add_interface_to_router=lambda router, subnet_id: k["port"].add(
                name="", device_id=router.id, device_owner="network:router_interface"
            ),
            remove_interface_from_router=lambda router, port_id: k["port"].remove(k["port"].items[port_id]),
            ports=k["port"].list,
            create_security_group=lambda **fields: k["group"].add(**fields),
            create_security_group_rule=lambda **fields: None,
            security_groups=k["group"].list,
            delete_security_group=k["group"].remove,
            create_ip=lambda **fields: k["ip"].add(floating_ip_address=f"10.64.1.{len(k['ip'].items) + 1}", **fields),
            ips=k["ip"].list,
            delete_ip=k["ip"].remove,
        )

    def create_server(self, path, json, microversion):
        body = json["server"]
        if self.broken == "no valid host":
            return Thing(status_code=400, text="no valid host")
        fault = {"message": "no more memory"} if self.broken == "error" else None
        server = self.kinds["server"].add(
            name=body["name"],
            status="ERROR" if fault else "ACTIVE",
            task_state=None,
            fault=fault,
            compute_host=body["host"],
        )
        self.kinds["port"].add(name="", device_id=server.id, device_owner="compute:nova", fixed_ips=[{"ip_address": "192.168.201.7"}])
        return Thing(status_code=202, json=lambda: {"server": {"id": server.id}})

    def delete_network(self, network):
        if self.kinds["router"].items or self.kinds["server"].items:
            raise AssertionError("network in use")
        self.kinds["network"].remove(network)

    def delete_router(self, router):
        assert not self.kinds["port"].list(device_id=router.id), "router in use"
        self.kinds["router"].remove(router)

    def left(self):
        return [kind for kind, items in self.kinds.items() if kind not in ("port", "subnet") for one in items.items.values() if one.id != "external"]


class FakeReach:
    def __init__(self, cloud, answers=None):
        self.cloud, self.answers, self.commands = cloud, answers or {}, []

    def ssh(self, address, command, user="root"):
        self.commands.append(command)
        for part, answer in self.answers.items():
            if part in command:
                return answer
        index = int(address.rsplit(".", 1)[1]) - 1
        server = list(self.cloud.kinds["server"].items.values())[index]
        if "meta_data.json" in command:
            return True, json.dumps({"uuid": server.id, "hostname": f"{server.name}.cloud.local"})
        if command == "hostname":
            return True, f"{server.name}\n"
        return True, "1442\n" if "mtu" in command else ""

    def ping(self, address):
        return True, ""


def options(**more):
    return Thing(**{"image": "guest.qcow2", "guest_image": None, "disk_format": "qcow2", "mark": "guest: ready", "public_key": "ssh-ed25519 AAAA",
                    "hosts": None, "external": None, "keep": False, **more})


def verification(cloud, answers=None, **more):
    out = io.StringIO()
    run = verify_steps.Verification(lambda: cloud, options(**more), verify.JsonEvents(out), FakeReach(cloud, answers))
    well = run.run()
    return well, [json.loads(line) for line in out.getvalue().splitlines()], run


def failure(events):
    return next(event for event in events if event["event"] == "fail")


class A_verification(unittest.TestCase):
    def test_names_every_step_with_its_time_and_leaves_nothing(self):
        cloud = FakeCloud()
        well, events, _ = verification(cloud)
        self.assertTrue(well, events)
        steps = [event["step"] for event in events if event["event"] == "end"]
        self.assertEqual(steps, [
            "connect", "what earlier runs left", "image", "flavor", "network", "router", "security group", "keypair",
            "server on node-2", "server on node-3", "floating IP", "ssh", "ping from here", "metadata", "MTU",
            "console log", "ping from server to server", "delete all",
        ])
        self.assertTrue(all(event["seconds"] >= 0 for event in events if event["event"] == "end"))
        self.assertEqual(cloud.left(), [])
        self.assertEqual(events[-1]["failed"], False)

    def test_with_one_compute_host_starts_one_server(self):
        well, events, run = verification(FakeCloud(hosts=("node-2",)))
        self.assertTrue(well, events)
        self.assertEqual([server.compute_host for server in run.servers], ["node-2"])
        self.assertNotIn("ping from server to server", [event.get("step") for event in events])

    def test_removes_what_a_killed_run_left_and_nothing_else(self):
        cloud = FakeCloud()
        for kind in ("server", "router", "group", "keypair", "image"):
            cloud.kinds[kind].add(name=verify_steps.PREFIX + "dead", status="ACTIVE")
            cloud.kinds[kind].add(name="somebody-else", status="ACTIVE")
        cloud.kinds["router"].items.pop(next(one.id for one in cloud.kinds["router"].list(name="somebody-else")))
        cloud.kinds["server"].items.pop(next(one.id for one in cloud.kinds["server"].list(name="somebody-else")))
        cloud.kinds["ip"].add(description=verify_steps.PREFIX + "dead", name="10.64.1.9")
        well, events, _ = verification(cloud)
        left = next(event for event in events if event.get("step") == "what earlier runs left" and event["event"] == "end")
        self.assertEqual(left["detail"], "1 server, 1 floating IP, 1 router, 1 security group, 1 keypair, 1 image")
        self.assertTrue(well, events)
        self.assertEqual(sorted(cloud.left()), ["group", "image", "keypair"])

    def test_tells_why_a_server_is_in_error_and_cleans_up(self):
        cloud = FakeCloud(broken="error")
        well, events, _ = verification(cloud)
        self.assertFalse(well)
        failed = failure(events)
        self.assertEqual(failed["step"], "server on node-2")
        self.assertIn("no more memory", failed["error"])
        self.assertIn("its console ends:\nboot", failed["error"])
        self.assertIn("nova", failed["services"])
        self.assertEqual(cloud.left(), [])
        self.assertNotIn("ssh", [event.get("step") for event in events])

    def test_passes_on_what_nova_refuses(self):
        well, events, _ = verification(FakeCloud(broken="no valid host"))
        self.assertFalse(well)
        self.assertIn("no valid host", failure(events)["error"])

    def test_leaves_a_failed_run_only_where_that_is_wanted(self):
        cloud = FakeCloud(broken="error")
        verification(cloud, keep=True)
        self.assertIn("server", cloud.left())
        cloud = FakeCloud()
        verification(cloud, keep=True)
        self.assertEqual(cloud.left(), [])

    def test_fails_at_metadata_of_another_server_and_at_another_MTU(self):
        cloud = FakeCloud()
        _, events, _ = verification(cloud, {"meta_data.json": (True, '{"uuid": "another"}')})
        self.assertEqual(failure(events)["step"], "metadata")
        _, events, _ = verification(FakeCloud(), {"meta_data.json": (True, "<html>502</html>")})
        self.assertIn("502", failure(events)["error"])
        _, events, _ = verification(FakeCloud(), {"mtu": (True, "1500\n")})
        self.assertEqual(failure(events)["step"], "MTU")

    def test_fails_at_a_console_without_the_guest_s_mark(self):
        _, events, _ = verification(FakeCloud(), mark="another guest")
        self.assertEqual(failure(events)["step"], "console log")

    def test_waits_for_a_host_that_has_not_reported_itself_yet(self):
        cloud = FakeCloud(hosts=())
        late = iter(["down", "down", "up"])
        cloud.compute.services = lambda binary: [Thing(host="node-2", state=next(late, "up"), status="enabled")]
        with unittest.mock.patch.object(verify_steps.time, "sleep"):
            well, events, _ = verification(cloud)
        self.assertTrue(well, events)

    def test_asks_for_hosts_and_networks_that_are_there(self):
        self.enterContext(unittest.mock.patch.object(verify_steps, "HOST_LIMIT", 0))
        _, events, _ = verification(FakeCloud(), hosts=3)
        self.assertIn("only 2 are up: node-2, node-3", failure(events)["error"])
        _, events, _ = verification(FakeCloud(hosts=()))
        self.assertIn("no compute host is up", failure(events)["error"])
        _, events, _ = verification(FakeCloud(external=None))
        self.assertIn("cloud.networks.external", failure(events)["error"])


    def test_takes_a_guest_that_is_there_and_leaves_it(self):
        cloud = FakeCloud()
        cloud.kinds["image"].add(name="mine", status="active")
        well, events, _ = verification(cloud, guest_image="mine")
        self.assertTrue(well, events)
        self.assertEqual(cloud.left(), ["image"])
        _, events, _ = verification(FakeCloud(), guest_image="mine")
        self.assertIn("no active image mine", failure(events)["error"])

    def test_only_removes_where_that_is_wanted(self):
        cloud = FakeCloud(hosts=())
        cloud.kinds["router"].add(name=verify_steps.PREFIX + "dead")
        run = verify_steps.Verification(lambda: cloud, options(), verify.JsonEvents(io.StringIO()), FakeReach(cloud))
        self.assertTrue(run.clean())
        self.assertEqual(cloud.left(), [])


class A_command_line(unittest.TestCase):
    def test_is_refused_where_it_contradicts_itself(self):
        for words in (["--image", "a", "--events"], ["--image", "a", "--public-key", "k"], ["--image", "a", "--guest-image", "b"], []):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                verify.parse(words)
        self.assertEqual(verify.parse(["--guest-image", "mine", "--hosts", "2"]).hosts, 2)

    def test_has_a_key_made_for_it(self):
        with tempfile.TemporaryDirectory() as directory:
            private, public = verify.key_pair(directory)
            self.assertTrue(os.path.exists(private))
            with open(public, encoding="utf-8") as file:
                self.assertTrue(file.read().startswith("ecdsa-sha2-nistp256 "))


class Waiting(unittest.TestCase):
    def test_ends_with_the_last_complaint(self):
        now = [0]
        tick = lambda seconds: now.__setitem__(0, now[0] + seconds)  # noqa: E731
        with self.assertRaisesRegex(verify_steps.Failure, "never within 5 s: still building"):
            verify_steps.wait_until("never", 5, lambda: (None, "still building"), clock=lambda: now[0], sleep=tick)
        self.assertEqual(now[0], 5)


class A_caller(unittest.TestCase):
    def test_is_asked_by_a_line_and_answers_by_one(self):
        out = io.StringIO()
        reach = verify.AskingReach(verify.JsonEvents(out), io.StringIO('{"ok": true, "output": "hello"}\n'))
        self.assertEqual(reach.ssh("10.64.1.5", "hostname"), (True, "hello"))
        asked = {"event": "ask", "what": "ssh", "address": "10.64.1.5", "command": "hostname", "user": "root"}
        self.assertEqual(json.loads(out.getvalue()), asked)
        with self.assertRaisesRegex(verify_steps.Failure, "caller is gone"):
            reach.ping("10.64.1.5")


if __name__ == "__main__":
    unittest.main()
