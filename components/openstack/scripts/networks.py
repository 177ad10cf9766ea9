"""Makes the cloud's external network and its subnet, or brings them up to date. Runs again at any time: it looks first.

What it makes it marks with a tag of the cloud's name. It knows its network by that, or by the physical network, of which
a cloud has just one; its subnet by the mark, or by the CIDR. What Neutron cannot change on them is refused, and nothing
is ever deleted: routers and floating IPs may hang on it.
"""

from administrator import arguments, connect, refuse
from openstack import exceptions

# Where a user sets what is told here.
PLACE = "networks.external"


def one(found, what):
    """The only one of a list, or None."""
    found = list(found)
    if len(found) > 1:
        ids = ", ".join(item.id for item in found)
        refuse(f"{PLACE}: Neutron has {len(found)} {what}: {ids}; delete those that are not in use")
    return found[0] if found else None


def mark(network, item, tag):
    if tag not in item.tags:
        network.set_tags(item, [*item.tags, tag])


def make_network(network, wanted, tag):
    provider = {"provider_network_type": "flat", "provider_physical_network": wanted["physicalNetwork"]}
    found = one(network.networks(tags=tag), f"networks with the tag {tag}") or one(
        network.networks(**provider), f"flat networks on {wanted['physicalNetwork']}"
    )
    if found is None:
        found = network.create_network(name=wanted["name"], is_router_external=True, **provider)
        print(f"network {wanted['name']} made", flush=True)
    for attribute, value in provider.items():
        if getattr(found, attribute) != value:
            refuse(
                f"{PLACE}: network {found.name} ({found.id}) has the tag {tag}, but its {attribute} is"
                f" {getattr(found, attribute)}, not {value}, which Neutron cannot change; delete the network, or its tag"
            )
    if not found.is_router_external:
        found = network.update_network(found, is_router_external=True)
        print(f"network {found.name} made external", flush=True)
    mark(network, found, tag)
    return found


def pools(subnet):
    return [{"start": pool["start"], "end": pool["end"]} for pool in subnet.allocation_pools]


def make_subnet(network, parent, wanted, tag):
    settings = {
        "gateway_ip": wanted["gateway"],
        "allocation_pools": [{"start": wanted["start"], "end": wanted["end"]}],
        "is_dhcp_enabled": False,
    }
    found = one(network.subnets(network_id=parent.id, tags=tag), f"subnets with the tag {tag}") or one(
        network.subnets(network_id=parent.id, cidr=wanted["cidr"]), f"subnets {wanted['cidr']} of network {parent.name}"
    )
    if found is None:
        found = network.create_subnet(
            network_id=parent.id, name=wanted["name"], ip_version=4, cidr=wanted["cidr"], **settings
        )
        print(f"subnet {wanted['cidr']} made", flush=True)
    if found.cidr != wanted["cidr"]:
        refuse(
            f"{PLACE}.cidr: the external network's subnet is {found.cidr}, which cannot become {wanted['cidr']}; write"
            f" {found.cidr} again, or take away its routers' gateways and floating IPs and run"
            f" `openstack subnet delete {found.id}`, then `pulumi up`"
        )
    now = {**{name: getattr(found, name) for name in settings}, "allocation_pools": pools(found)}
    changed = {name: value for name, value in settings.items() if now[name] != value}
    if changed:
        found = network.update_subnet(found, **changed)
        print(f"subnet {found.cidr}: {', '.join(changed)} brought up to date", flush=True)
    mark(network, found, tag)


def main():
    wanted = arguments()
    tag = f"stratiform-{wanted['cloud']}"
    network = connect().network
    parent = make_network(network, wanted["network"], tag)
    try:
        make_subnet(network, parent, wanted["subnet"], tag)
    except (exceptions.BadRequestException, exceptions.ConflictException) as error:
        refuse(f"{PLACE}: Neutron does not accept it: {error}")


main()
