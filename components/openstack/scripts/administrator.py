"""What programs share that run as the cloud's administrator: the connection, with patience, and how they refuse.

Reads /etc/stratiform/input/clouds.yaml (credentials) and, for those that take arguments, /etc/stratiform/input/arguments.json.
"""

import json
import os
import sys
import time

INPUT = os.environ.get("STRATIFORM_INPUT", "/etc/stratiform/input")
os.environ["OS_CLIENT_CONFIG_FILE"] = INPUT + "/clouds.yaml"

import openstack  # noqa: E402 - it reads the variable above
from openstack import exceptions  # noqa: E402

# How long to wait for a Keystone that does not answer yet, in seconds.
PATIENCE = 120
# EX_CONFIG of sysexits.h: the job is not tried anew, since only another configuration helps.
REFUSED = 78
# What stands here is the container's last word in the pod's status.
LAST_WORD = os.environ.get("STRATIFORM_LAST_WORD", "/dev/termination-log")


def connect():
    """A connection as the administrator, which has been tried."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection = openstack.connect(cloud="admin")
            connection.authorize()
            return connection
        except exceptions.SDKException as error:
            if time.monotonic() > end:
                raise
            print(f"Keystone does not answer yet: {error}", flush=True)
            time.sleep(2)


def arguments():
    """What the definition tells the program."""
    with open(f"{INPUT}/arguments.json", encoding="utf-8") as file:
        return json.load(file)


def refuse(text):
    """Ends the program for good: the configuration asks for what cannot be. The text says where, what, and what to do."""
    print(text, file=sys.stderr, flush=True)
    try:
        with open(LAST_WORD, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"{LAST_WORD}: {error}", file=sys.stderr, flush=True)
    sys.exit(REFUSED)
