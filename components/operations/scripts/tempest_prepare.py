"""Makes what Tempest needs in a cloud, and says what it found: JSON on standard output. It looks before it makes, so it can
be run again at any time; "clean" takes away what it made.

Arguments: "make" or "clean", and with "make" the guest's disk (qcow2). Credentials: as for any client.
"""

import json
import sys

NAME = "stratiform-tempest"
# The guest of the lab runs in the first; the second differs in memory, as tests that resize want it. MiB, GiB.
FLAVORS = {NAME: {"ram": 192, "vcpus": 1, "disk": 1}, f"{NAME}-alt": {"ram": 224, "vcpus": 1, "disk": 1}}


def image(cloud, name, file):
    """The image of that name; one whose upload was broken off is made anew."""
    for found in cloud.image.images(name=name):
        if found.status == "active":
            return found
        cloud.image.delete_image(found)
    return cloud.image.create_image(
        name, filename=file, disk_format="qcow2", container_format="bare", visibility="public", allow_duplicates=True, wait=True
    )


def flavor(cloud, name, wanted):
    found = [one for one in cloud.compute.flavors(is_public=None) if one.name == name]
    return found[0] if found else cloud.compute.create_flavor(name=name, is_public=True, **wanted)


def external_network(cloud):
    for found in cloud.network.networks(is_router_external=True):
        return found
    raise SystemExit("there is no external network; stratiform:cloud.networks.external makes one")


def make(cloud, file):
    flavors = [flavor(cloud, name, wanted) for name, wanted in FLAVORS.items()]
    external = external_network(cloud)
    services = cloud.compute.services(binary="nova-compute")
    catalog = cloud.session.auth.get_access(cloud.session).service_catalog.catalog
    newest = cloud.compute.get_endpoint_data().max_microversion
    return {
        "image": image(cloud, NAME, file).id,
        "imageAlt": image(cloud, f"{NAME}-alt", file).id,
        "flavor": flavors[0].id,
        "flavorAlt": flavors[1].id,
        "externalNetwork": external.id,
        "externalNetworkName": external.name,
        "extensions": sorted(one.alias for one in cloud.network.extensions()),
        "serviceTypes": sorted({one["type"] for one in catalog if one.get("endpoints")}),
        "computeHosts": len([one for one in services if one.state == "up" and one.status == "enabled"]),
        "computeMicroversion": ".".join(str(number) for number in newest),
    }


def clean(cloud):
    for name in FLAVORS:
        for found in list(cloud.image.images(name=name)):
            cloud.image.delete_image(found)
        for found in [one for one in cloud.compute.flavors(is_public=None) if one.name == name]:
            cloud.compute.delete_flavor(found)
    return {}


def main(argv):
    import openstack  # only here: the rest can be tried without it

    cloud = openstack.connect()
    cloud.authorize()
    print(json.dumps(make(cloud, argv[1]) if argv[0] == "make" else clean(cloud)))


if __name__ == "__main__":
    main(sys.argv[1:])
