"""Calls a host as Nova's console proxy does: `novncproxy ADDRESS PORT`; files in the working directory."""

import socket
import ssl
import sys


def main():
    compute_sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
    wrapped = ssl.wrap_socket(
        compute_sock,
        keyfile="client.key",
        certfile="client.crt",
        server_side=False,
        cert_reqs=ssl.CERT_REQUIRED,
        ca_certs="ca.crt",
    )
    print(wrapped.recv(100).decode())
