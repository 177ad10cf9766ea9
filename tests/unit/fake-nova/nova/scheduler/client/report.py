"""Stands in for Nova's client of Placement: it fails as a file says, line by line, and then comes to be."""

import os

from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk


class SchedulerReportClient:
    def __init__(self):
        self._client = self._create_client()

    def _create_client(self):
        path = os.environ["FAILURES"]
        with open(path) as file:
            lines = file.read().splitlines()
        with open(path, "w") as file:
            file.write("\n".join(lines[1:]))
        if lines:
            name = lines[0]
            raise (getattr(keystone, name, None) or getattr(sdk, name, None) or getattr(__import__("builtins"), name))(name)
        return "client"
