"""Stands in for libvirt's binding where a program of ours is tried alone: the file $CAPABILITIES is what libvirt answers; $SILENT is how often it does not answer before."""

import os


class libvirtError(Exception):
    pass


class Connection:
    def getCapabilities(self):
        with open(os.environ["CAPABILITIES"], encoding="utf8") as file:
            return file.read()


def openReadOnly(uri):
    if uri != "qemu:///system":
        raise libvirtError(f"no connection driver for {uri}")
    with open(os.environ["SILENT"], "r+", encoding="utf8") as file:
        times = int(file.read())
        file.seek(0)
        file.truncate()
        file.write(str(max(times - 1, 0)))
    if times > 0:
        raise libvirtError("Failed to connect socket to '/run/libvirt/libvirt-sock-ro': No such file or directory")
    return Connection()
