"""Enters a service into Keystone, or takes out what is no longer defined. Runs again at any time: it looks before it makes.

Reads /etc/stratiform/input/registration.json (what there should be) and /etc/stratiform/input/clouds.yaml (credentials of
the administrator). Users and services that it makes it marks with the cloud's name in the attribute "stratiform", so that
the sweep touches nothing that somebody else made.
"""

import json
import sys

from administrator import INPUT, connect
from openstack import exceptions

MARK = "stratiform"
# Kinds that are marked: Keystone takes attributes of others' making on these only. Endpoints go with their service.
MARKED = ("service", "user")


class Identity:
    """Keystone's API, with the marks that the SDK's own objects do not carry."""

    def __init__(self, connection, mark):
        self.session = connection.identity
        self.mark = mark

    def list(self, kind, **filters):
        response = self.session.get(f"/{kind}s", params=filters)
        exceptions.raise_from_response(response)
        return response.json()[f"{kind}s"]

    def make(self, kind, wanted, **filters):
        """Finds by `filters`, then makes, or changes what differs. A user's password is set when the user is made or
        its generation changes: Keystone does not show it."""
        # Registrations run beside each other, and all want the same project and roles: what another one has made since
        # is found at the second look.
        return self._make(kind, wanted, filters, last=False) or self._make(kind, wanted, filters, last=True)

    def _make(self, kind, wanted, filters, last):
        found = self.list(kind, **filters)
        found = [item for item in found if all(item.get(key) == value for key, value in filters.items())]
        body = {**filters, **wanted, **({MARK: self.mark} if kind in MARKED else {})}
        if not found:
            response = self.session.post(f"/{kind}s", json={kind: body})
            if response.status_code == 409 and not last:
                return None
            exceptions.raise_from_response(response)
            print(f"{kind} {filters} made", flush=True)
        else:
            visible = {key: value for key, value in body.items() if key not in ("password", "options")}
            if all(found[0].get(key) == value for key, value in visible.items()) and "password" not in body:
                return found[0]
            response = self.session.patch(f"/{kind}s/{found[0]['id']}", json={kind: body})
            print(f"{kind} {filters} brought up to date", flush=True)
        exceptions.raise_from_response(response)
        return response.json()[kind]

    def delete(self, kind, item, label):
        response = self.session.delete(f"/{kind}s/{item['id']}")
        if response.status_code != 404:
            exceptions.raise_from_response(response)
        print(f"{kind} {label} removed", flush=True)

    def grant(self, project, user, role):
        response = self.session.put(f"/projects/{project['id']}/users/{user['id']}/roles/{role['id']}")
        exceptions.raise_from_response(response)


def register(identity, wanted):
    if wanted.get("user"):
        user = wanted["user"]
        with open(f"{INPUT}/password", encoding="utf-8") as file:
            password = file.read()
        project = identity.make("project", {"description": "The cloud's own services"}, name="service", domain_id="default")
        account = identity.make(
            "user",
            {
                "password": password,
                "enabled": True,
                "default_project_id": project["id"],
                "options": {
                    "lock_password": True,
                    "ignore_password_expiry": True,
                    "ignore_change_password_upon_first_use": True,
                    "ignore_lockout_failure_attempts": True,
                },
            },
            name=user,
            domain_id="default",
        )
        for name in ("admin", "service"):
            roles = identity.list("role", name=name)
            role = roles[0] if roles else identity.make("role", {}, name=name)
            identity.grant(project, account, role)
    for entry in wanted["services"]:
        service = identity.make("service", {"enabled": True}, type=entry["type"], name=entry["name"])
        for interface, url in entry["endpoints"].items():
            identity.make(
                "endpoint",
                {"url": url, "enabled": True, "region_id": wanted["region"]},
                service_id=service["id"],
                interface=interface,
            )


def stale(identity, wanted):
    """Marked entries that nobody defines any more: (kind, item, label)."""
    services = {(entry["type"], entry["name"]) for entry in wanted["services"]}
    for item in identity.list("service"):
        if item.get(MARK) == identity.mark and (item["type"], item["name"]) not in services:
            yield "service", item, f"{item['name']} ({item['type']})"
    for item in identity.list("user", domain_id="default"):
        if item.get(MARK) == identity.mark and item["name"] not in wanted["users"]:
            yield "user", item, item["name"]


def main():
    mode = sys.argv[1]
    with open(f"{INPUT}/registration.json", encoding="utf-8") as file:
        wanted = json.load(file)
    identity = Identity(connect(), wanted["cloud"])
    if mode == "register":
        register(identity, wanted)
    elif mode == "sweep":
        for kind, item, label in list(stale(identity, wanted)):
            identity.delete(kind, item, label)
    elif mode == "report":
        found = list(stale(identity, wanted))
        for kind, _, label in found:
            print(f"{kind} {label} is not defined any more")
        sys.exit(1 if found else 0)
    else:
        sys.exit(f"register.py: unknown mode {mode}; use register, sweep or report")


if __name__ == "__main__":
    main()
