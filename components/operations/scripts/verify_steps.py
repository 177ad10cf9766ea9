"""The verification itself: its steps in order, what they make in a cloud, and how all of it is removed again.

`verify.py` beside it is the program: it says what the steps tell, and how servers are reached.
"""

import json
import time
import uuid

PREFIX = "stratiform-verify-"
CIDR = "192.168.201.0/24"
# Longest waits, in seconds: bounds against hanging, far above what a slow computer takes.
SERVER_LIMIT = 600
SSH_LIMIT = 300
REMOVE_LIMIT = 180
# A nova-compute that has just begun anew reports itself in its own time, and counts as down until then.
HOST_LIMIT = 120
# Memory and disk of the servers: what the lab's guest needs.
FLAVOR = {"ram": 192, "vcpus": 1, "disk": 1}
# The first in which a server's host can be said.
HOST_MICROVERSION = "2.74"
METADATA = "http://169.254.169.254/openstack/latest/meta_data.json"


class Failure(Exception):
    """What is wrong, for a person."""


def wait_until(what, limit, probe, pause=1.0, clock=time.monotonic, sleep=time.sleep):
    """Asks until the answer is no None; the last complaint of the probe stands in the error.

    The probe returns (answer, complaint)."""
    end = clock() + limit
    while True:
        answer, complaint = probe()
        if answer is not None:
            return answer
        if clock() >= end:
            raise Failure(f"{what} within {limit} s: {complaint}")
        sleep(pause)


def compute_hosts(cloud, state="up"):
    """Names of the hosts that take servers, or would if they were up."""
    services = cloud.compute.services(binary="nova-compute")
    return sorted(one.host for one in services if one.state == state and one.status == "enabled")


def chosen_hosts(available, wanted):
    """The hosts that get a server each: `wanted` of them, or up to two where none is said."""
    if not available:
        raise Failure("no compute host is up; look at: openstack compute service list")
    count = min(2, len(available)) if wanted is None else wanted
    if count > len(available):
        raise Failure(f"{count} compute hosts are wanted, but only {len(available)} are up: {', '.join(available)}")
    return available[:count]


def external_network(cloud, name=None):
    """The network that floating IPs come from."""
    found = [one for one in cloud.network.networks(is_router_external=True) if name in (None, one.name, one.id)]
    if not found:
        wanted = "external network" if name is None else f"external network {name}"
        raise Failure(f"there is no {wanted}; stratiform:cloud.networks.external makes one")
    return found[0]


def remove_everything(cloud, progress=lambda text: None, limit=REMOVE_LIMIT):
    """Removes what bears the prefix, of whichever run; what it removed, by kind. Whatever fails does so after all was tried."""
    removed, errors = [], []

    def ours(items, label=lambda one: one.name):
        return [one for one in items if (label(one) or "").startswith(PREFIX)]

    def each(kind, items, delete, label=lambda one: one.name):
        for one in items:
            progress(f"removes {kind} {label(one)}")
            try:
                # What still uses it may take a moment to go.
                wait_until(f"{kind} {label(one)} cannot be removed", limit, lambda: attempt(delete, one))
                removed.append(kind)
            except Failure as error:
                errors.append(str(error))

    def attempt(delete, one):
        try:
            delete(one)
            return True, ""
        except Exception as error:  # the SDK's own classes are not at hand here
            return (True, "") if getattr(error, "status_code", None) == 404 else (None, str(error))

    each("server", ours(cloud.compute.servers()), cloud.compute.delete_server)
    each("floating IP", ours(cloud.network.ips(), lambda one: one.description), cloud.network.delete_ip, lambda one: one.description)
    try:
        wait_until("servers are not gone", limit, lambda: gone(ours(cloud.compute.servers())))
    except Failure as error:
        errors.append(str(error))
    for router in ours(cloud.network.routers()):
        ports = [one for one in cloud.network.ports(device_id=router.id) if "interface" in (one.device_owner or "")]
        each(
            "router interface",
            ports,
            lambda port, router=router: cloud.network.remove_interface_from_router(router, port_id=port.id),
            lambda port: port.id,
        )
        each("router", [router], cloud.network.delete_router)
    each("network", ours(cloud.network.networks()), cloud.network.delete_network)
    each("security group", ours(cloud.network.security_groups()), cloud.network.delete_security_group)
    each("keypair", ours(cloud.compute.keypairs()), cloud.compute.delete_keypair)
    each("image", ours(cloud.image.images()), cloud.image.delete_image)
    each("flavor", ours(cloud.compute.flavors(is_public=None)), cloud.compute.delete_flavor)
    if errors:
        raise Failure("; ".join(errors))
    return removed


def gone(left):
    return (None, ", ".join(f"{one.name} is {one.status}" for one in left)) if left else (True, "")


def counted(removed):
    """`2 servers, 1 router`: what was removed, in the order in which it was."""
    kinds = list(dict.fromkeys(removed))
    return ", ".join(f"{removed.count(kind)} {kind}{'s' if removed.count(kind) > 1 else ''}" for kind in kinds)


class Verification:
    """One run: what it made so far, and its steps in order."""

    def __init__(self, cloud, options, events, reach, run=None):
        self.cloud, self.options, self.events, self.reach = cloud, options, events, reach
        self.name = PREFIX + (run or uuid.uuid4().hex[:8])
        self.servers, self.addresses = [], {}
        self.image = self.flavor = self.network = self.subnet = self.router = self.group = None

    def steps(self):
        """Name, services that a failure may come from, and what is done; what it returns is told."""
        data_plane = ("neutron", "ovn", "openvswitch")
        hosts = self.hosts
        return [
            ("image", ("glance", "keystone"), self.make_image),
            ("flavor", ("nova",), self.make_flavor),
            ("network", ("neutron",), self.make_network),
            ("router", ("neutron", "ovn"), self.make_router),
            ("security group", ("neutron",), self.make_group),
            ("keypair", ("nova",), self.make_keypair),
            *[
                (f"server on {host}", ("nova", "libvirt", "placement", *data_plane), lambda host=host: self.make_server(host))
                for host in hosts
            ],
            ("floating IP", data_plane, self.make_addresses),
            ("ssh", (*data_plane, "nova", "libvirt"), self.wait_for_ssh),
            ("ping from here", data_plane, self.ping),
            ("metadata", ("nova", *data_plane), self.check_metadata),
            ("MTU", data_plane, self.check_mtu),
            ("console log", ("nova", "libvirt"), self.check_console),
            *([("ping from server to server", data_plane, self.ping_each_other)] if len(hosts) > 1 else []),
        ]

    def run(self):
        """All steps, then the removal of everything, whatever happened. Whether all went well."""
        begin = time.monotonic()
        well = self.step("connect", ("keystone",), self.connect) and self.step(
            "what earlier runs left", ("nova", "neutron", "glance"), lambda: counted(self.remove()) or "nothing"
        )
        for step, services, work in self.steps() if well else []:
            well = self.step(step, services, work)
            if not well:
                break
        if not (self.options.keep and not well) and self.cloud is not None:
            well = self.step("delete all", ("nova", "neutron", "glance"), lambda: counted(self.remove())) and well
        self.events.done(time.monotonic() - begin, not well)
        return well

    def clean(self):
        """Only the removal of what earlier runs left."""
        self.cloud = self.cloud()
        return self.step("what earlier runs left", ("nova", "neutron", "glance"), lambda: counted(self.remove()) or "nothing")

    def step(self, step, services, work):
        begin = time.monotonic()
        self.events.begin(step, services)
        try:
            detail = work()
        except Exception as error:  # whatever it is, the run goes on to clean up
            text = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
            self.events.fail(step, time.monotonic() - begin, f"{text}{self.diagnosis()}", services)
            return False
        self.events.end(step, time.monotonic() - begin, detail or "")
        return True

    def diagnosis(self):
        """The servers' states and last lines of their consoles: what the services' logs do not say."""
        lines = []
        for server in self.servers:
            try:
                found = self.cloud.compute.get_server(server.id)
                log = self.cloud.compute.get_server_console_output(server.id, length=15)["output"] or ""
                lines += ["", f"server {found.name} is {found.status}; its console ends:", *log.rstrip().split("\n")]
            except Exception as error:
                lines += ["", f"server {server.id}: {error}"]
        return "\n".join(lines)

    def remove(self):
        return remove_everything(self.cloud, self.events.progress)

    def connect(self):
        if callable(self.cloud):
            connect, self.cloud = self.cloud, None
            self.cloud = connect()
        self.hosts = self.await_hosts()
        self.external = external_network(self.cloud, self.options.external)
        return f"hosts {', '.join(self.hosts)}; external network {self.external.name}"

    def await_hosts(self):
        """The hosts that get a server each, once they are up, if there are any that may still come up."""
        end = time.monotonic() + HOST_LIMIT
        while True:
            try:
                return chosen_hosts(compute_hosts(self.cloud), self.options.hosts)
            except Failure:
                if time.monotonic() >= end or not compute_hosts(self.cloud, "down"):
                    raise
            time.sleep(1)

    def make_image(self):
        if self.options.guest_image:
            found = [one for one in self.cloud.image.images() if one.name == self.options.guest_image and one.status == "active"]
            if not found:
                raise Failure(f"there is no active image {self.options.guest_image}; upload one, or give --image")
            self.image = found[0]
            return self.image.id
        self.image = self.cloud.image.create_image(
            self.name,
            filename=self.options.image,
            disk_format=self.options.disk_format,
            container_format="bare",
            visibility="private",
            allow_duplicates=True,
        )
        wait_until("the image is not active", SERVER_LIMIT, self.image_active)
        return self.image.id

    def image_active(self):
        status = self.cloud.image.get_image(self.image.id).status
        return (status, "") if status == "active" else (None, f"it is {status}")

    def make_flavor(self):
        self.flavor = self.cloud.compute.create_flavor(name=self.name, is_public=False, **FLAVOR)
        project = self.cloud.current_project_id
        self.cloud.compute.flavor_add_tenant_access(self.flavor.id, project)
        return f"{FLAVOR['ram']} MiB"

    def make_network(self):
        self.network = self.cloud.network.create_network(name=self.name)
        self.subnet = self.cloud.network.create_subnet(
            name=self.name, network_id=self.network.id, ip_version=4, cidr=CIDR, is_dhcp_enabled=True
        )
        return f"{CIDR}, MTU {self.network.mtu}"

    def make_router(self):
        gateway = {"network_id": self.external.id}
        self.router = self.cloud.network.create_router(name=self.name, external_gateway_info=gateway)
        self.cloud.network.add_interface_to_router(self.router, subnet_id=self.subnet.id)

    def make_group(self):
        self.group = self.cloud.network.create_security_group(name=self.name, description="Verification")
        rule = {"security_group_id": self.group.id, "direction": "ingress", "ether_type": "IPv4"}
        self.cloud.network.create_security_group_rule(**rule, protocol="icmp")
        self.cloud.network.create_security_group_rule(**rule, protocol="tcp", port_range_min=22, port_range_max=22)

    def make_keypair(self):
        self.cloud.compute.create_keypair(name=self.name, public_key=self.options.public_key)

    def make_server(self, host):
        body = {
            "name": f"{self.name}-{len(self.servers) + 1}",
            "imageRef": self.image.id,
            "flavorRef": self.flavor.id,
            "networks": [{"uuid": self.network.id}],
            "security_groups": [{"name": self.group.id}],
            "key_name": self.name,
            "host": host,
        }
        # Not by the SDK's own call: not every version of it knows "host".
        response = self.cloud.compute.post("/servers", json={"server": body}, microversion=HOST_MICROVERSION)
        if response.status_code >= 400:
            raise Failure(f"Nova makes no server on {host}: {response.text}")
        identity = response.json()["server"]["id"]
        server = wait_until(f"server {identity} is not ACTIVE", SERVER_LIMIT, lambda: self.server_active(identity))
        if server.compute_host != host:
            raise Failure(f"server {identity} runs on {server.compute_host}, not on {host}")
        return identity

    def server_active(self, identity):
        server = self.cloud.compute.get_server(identity)
        self.servers = [one for one in self.servers if one.id != identity] + [server]
        if server.status == "ERROR":
            fault = (server.fault or {}).get("message", "no reason is given")
            raise Failure(f"server {identity} is in state ERROR: {fault}")
        return (server, "") if server.status == "ACTIVE" else (None, f"it is {server.status} ({server.task_state})")

    def make_addresses(self):
        for server in self.servers:
            port = next(iter(self.cloud.network.ports(device_id=server.id)))
            address = self.cloud.network.create_ip(
                floating_network_id=self.external.id, port_id=port.id, description=server.name or self.name
            )
            self.addresses[server.id] = (address.floating_ip_address, port.fixed_ips[0]["ip_address"])
        return ", ".join(floating for floating, _ in self.addresses.values())

    def on(self, server, command):
        """What a command on a server prints."""
        floating, _ = self.addresses[server.id]
        ok, output = self.reach.ssh(floating, command)
        if not ok:
            raise Failure(f"on {floating}: {command}: {output.strip()}")
        return output

    def wait_for_ssh(self):
        def probe(floating):
            ok, output = self.reach.ssh(floating, "true")
            return (True, "") if ok else (None, output.strip())

        for floating, _ in self.addresses.values():
            wait_until(f"{floating} does not let root in by ssh", SSH_LIMIT, lambda floating=floating: probe(floating))

    def ping(self):
        for floating, _ in self.addresses.values():
            ok, output = self.reach.ping(floating)
            if not ok:
                raise Failure(f"{floating} does not answer to ping: {output.strip()}")

    def check_metadata(self):
        for server in self.servers:
            text = self.on(server, f"curl -s {METADATA} || wget -q -O - {METADATA}")
            try:
                data = json.loads(text)
            except ValueError:
                raise Failure(f"the metadata service answered: {text[:200]!r}") from None
            if data.get("uuid") != server.id:
                raise Failure(f"the metadata of server {server.id} are those of {data.get('uuid')}")
            hostname = self.on(server, "hostname").strip()
            if hostname != str(data.get("hostname", "")).split(".")[0]:
                raise Failure(f"server {server.id} calls itself {hostname}, its metadata say {data.get('hostname')}")

    def check_mtu(self):
        for server in self.servers:
            mtu = self.on(server, "cat /sys/class/net/eth0/mtu").strip()
            if mtu != str(self.network.mtu):
                raise Failure(f"server {server.id} uses an MTU of {mtu}, its network has {self.network.mtu}")
        return str(self.network.mtu)

    def check_console(self):
        for server in self.servers:
            log = self.cloud.compute.get_server_console_output(server.id, length=200)["output"] or ""
            if self.options.mark not in log or not log.strip():
                raise Failure(f"the console log of server {server.id} has no line with {self.options.mark!r}")

    def ping_each_other(self):
        for server in self.servers:
            for other in self.servers:
                if other is not server:
                    _, fixed = self.addresses[other.id]
                    # The second kind is nearly as large as the network carries.
                    self.on(server, f"ping -c 3 -W 5 {fixed} && ping -c 2 -W 5 -s 1300 {fixed}")
