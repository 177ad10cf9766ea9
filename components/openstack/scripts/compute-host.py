"""Empties a compute host of its servers and takes it out of Nova and Neutron, or gives it back. Runs beside nova-compute, as its user.

    compute-host.py drain    takes the host out of use and moves its servers to others, or says which it cannot move
    compute-host.py forget   takes the emptied host out of Nova
    compute-host.py enable   waits until nova-compute of the host answers, and takes the host into use again
    compute-host.py known    waits until Nova can put servers on the host: nova-compute answers, and a cell has the host
    compute-host.py sign-off takes the host's agents, which have ended, out of Neutron, which would list them as dead

Each may be run again at any time. Exit code 78: it refuses for good, the reason is the last thing it says.
"""

import os
import platform
import sys
import time

from keystoneauth1 import adapter, exceptions
from keystoneauth1 import loading
from oslo_config import cfg

CONFIG = os.environ.get("NOVA_COMPUTE_CONFIG", "/etc/nova/nova-compute.conf")
# Whose credentials, and where from: those with which Nova says that it is a service.
SECTION = "service_user"
# What the reason of a disabled host says when it was us; nobody else's is touched.
REASON = "stratiform: the host is emptied"
# Live migration with a choice of block migration by itself; disabled reasons and UUIDs of services.
MICROVERSION = "2.53"
# Seconds between two looks, and most seconds of one migration: of a large memory over a slow network.
PAUSE = float(os.environ.get("STRATIFORM_PAUSE", "2"))
PATIENCE = 3600
# Seconds in which nova-compute of a host that was replaced reports itself: its own interval is 10.
UP_PATIENCE = 300
# Seconds in which Neutron's API, or Keystone's, is there again where its pod has just left this very host.
SIGN_OFF_PATIENCE = float(os.environ.get("STRATIFORM_SIGN_OFF_PATIENCE", "60"))
REFUSED = 78
MOVABLE = ("ACTIVE", "PAUSED")


class Refusal(Exception):
    """The host cannot be emptied by trying again."""


class Nova:
    """Nova's API as far as it is about one host."""

    def __init__(self, client, host):
        self.client = client
        self.host = host

    def services(self):
        return self.client.get("/os-services", params={"binary": "nova-compute", "host": self.host}).json()["services"]

    def change(self, service, **what):
        self.client.put(f"/os-services/{service['id']}", json=what)

    def delete(self, service):
        self.client.delete(f"/os-services/{service['id']}")

    def servers(self):
        """All servers of the host, of whatever project, page by page."""
        found, marker = [], None
        while True:
            query = {"all_tenants": 1, "host": self.host, **({"marker": marker} if marker else {})}
            page = self.client.get("/servers/detail", params=query).json()["servers"]
            if not page:
                return found
            found += page
            marker = page[-1]["id"]

    def server(self, server_id):
        """One server, or None if it is gone."""
        try:
            return self.client.get(f"/servers/{server_id}").json()["server"]
        except exceptions.NotFound:
            return None

    def in_a_cell(self):
        """Whether the host can be scheduled to: Nova lists no hypervisor of a host that no cell has."""
        # By its own name, which libvirt has it by; the stack may call it otherwise.
        own = platform.node().split(".")[0]
        try:
            found = self.client.get("/os-hypervisors/detail", params={"hypervisor_hostname_pattern": own}).json()
        except exceptions.NotFound:
            return False
        return any(one["service"]["host"] == self.host for one in found["hypervisors"])

    def migrations(self, server_id):
        return self.client.get("/os-migrations", params={"instance_uuid": server_id}).json()["migrations"]

    def migrate(self, server_id):
        action = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        self.client.post(f"/servers/{server_id}/action", json=action)


def say(text):
    print(text, flush=True)


def label(server):
    return f"{server['name']} ({server['id']})"


def on(server, host):
    return server["OS-EXT-SRV-ATTR:host"] == host


def move(nova, server):
    """Moves one server. None when it is elsewhere or gone, else why it is not."""
    known = {migration["id"] for migration in nova.migrations(server["id"])}
    try:
        nova.migrate(server["id"])
    except exceptions.HttpError as error:
        return str(error.message or error)
    say(f"moving {label(server)}")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(PAUSE)
        current = nova.server(server["id"])
        if current is None:
            return None
        ours = [one for one in nova.migrations(server["id"]) if one["id"] not in known]
        # The server is elsewhere before nova-compute here is done with it, which ends in ERROR if libvirt goes meanwhile.
        done = all(one["status"] == "completed" for one in ours)
        if done and not on(current, nova.host) and current["OS-EXT-STS:task_state"] is None:
            return None
        if any(one["status"] in ("error", "failed", "cancelled") for one in ours):
            return f"the migration ended as {ours[0]['status']}; nova-compute of {nova.host} says why"
        # Without a host that would take it there is no migration, or none that gets anywhere.
        if not ours and current["OS-EXT-STS:task_state"] is None:
            return "no other host takes it: too little memory, processors or disk, or none that is in use"
    return f"its migration takes longer than {PATIENCE} s"


def drain(nova):
    services = nova.services()
    ours = []
    for service in services:
        if service["status"] == "enabled":
            nova.change(service, status="disabled", disabled_reason=REASON)
            ours.append(service)
            say(f"{nova.host} is out of use")
        elif service["disabled_reason"] == REASON:
            # By an earlier run that was broken off.
            ours.append(service)
    stuck = {}
    # Those that come while others are moved were on their way before.
    for _ in range(3):
        servers = [server for server in nova.servers() if server["id"] not in stuck]
        if not servers:
            break
        for server in servers:
            if server["status"] in MOVABLE:
                reason = move(nova, server)
            else:
                reason = f"is {server['status']}, and only running servers can be moved: start it, or delete it"
            if reason is not None:
                stuck[server["id"]] = f"{label(server)}: {reason}"
    left = {server["id"]: server for server in nova.servers()}
    if left:
        for service in ours:
            nova.change(service, status="enabled")
        names = "; ".join(stuck.get(one, label(server)) for one, server in left.items())
        raise Refusal(f"{nova.host} has servers that cannot be moved, and stays in use: {names}")
    say(f"{nova.host} has no servers")


def forget(nova):
    servers = nova.servers()
    if servers:
        raise Refusal(f"{nova.host} has servers: {', '.join(label(server) for server in servers)}")
    for service in nova.services():
        nova.delete(service)
        say(f"{nova.host} is no host of Nova any more")


def enable(nova):
    end = time.monotonic() + UP_PATIENCE
    while True:
        services = nova.services()
        if services and all(service["state"] == "up" for service in services):
            break
        if time.monotonic() > end:
            raise Refusal(f"nova-compute of {nova.host} does not report itself; the host stays out of use")
        time.sleep(PAUSE)
    for service in services:
        # Whoever else put it out of use has a reason.
        if service["status"] == "disabled" and service["disabled_reason"] == REASON:
            nova.change(service, status="enabled")
    say(f"{nova.host} is in use")


def known(nova):
    first = None
    # Without an end, as nova-compute itself has none: what it waits for comes back some day.
    while True:
        try:
            services = nova.services()
            reports = [service["updated_at"] for service in services]
            first = reports if first is None else first
            # One that has ended counts as up for a minute: only a report that came since is of the one that runs now.
            new = services and reports != first and all(service["state"] == "up" for service in services)
            if new and nova.in_a_cell():
                say(f"{nova.host} takes servers")
                return
        except exceptions.ClientException as error:
            say(f"Nova does not answer yet: {error}")
        time.sleep(PAUSE)


def sign_off(network, host):
    end = time.monotonic() + SIGN_OFF_PATIENCE
    while True:
        try:
            for agent in network.get("/v2.0/agents", params={"host": host}).json()["agents"]:
                network.delete(f"/v2.0/agents/{agent['id']}")
                say(f"{agent['binary']} of {host} is no agent of Neutron any more")
            return
        except exceptions.ClientException as error:
            if time.monotonic() > end:
                raise Refusal(f"Neutron does not answer: {error}")
        time.sleep(PAUSE)


def connect():
    """Nova's API and Neutron's, with the credentials that nova-compute has itself."""
    conf = cfg.ConfigOpts()
    loading.register_auth_conf_options(conf, SECTION)
    loading.register_session_conf_options(conf, SECTION)
    conf(["--config-file", CONFIG, "--config-dir", CONFIG + ".d"])
    session = loading.load_session_from_conf_options(
        conf, SECTION, auth=loading.load_auth_from_conf_options(conf, SECTION)
    )
    nova = adapter.Adapter(
        session,
        service_type="compute",
        # Not by the catalogue: Nova enters it only when hosts are there.
        endpoint_override=os.environ["NOVA_URL"],
        default_microversion=MICROVERSION,
        connect_retries=5,
        status_code_retries=5,
    )
    return nova, adapter.Adapter(session, service_type="network", interface="internal")


def main(words, host, nova, network):
    about_nova = {"drain": drain, "forget": forget, "enable": enable, "known": known}
    actions = {
        **{word: lambda action=action: action(Nova(nova, host)) for word, action in about_nova.items()},
        "sign-off": lambda: sign_off(network, host),
    }
    if len(words) != 1 or words[0] not in actions:
        say(f"compute-host.py: say one of {', '.join(actions)}")
        return 2
    try:
        actions[words[0]]()
    except Refusal as refusal:
        say(str(refusal))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ["OS_DEFAULT__HOST"], *connect()))
