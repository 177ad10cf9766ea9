"""nova-novncproxy, with a connection to the host that checks whom it leads to.

Nova of this series asks ssl.wrap_socket for it, which Python has no more since 3.12. Where eventlet stands in for it, the
other side's certificate is not looked at: what says that it must be goes among the context's options. Later series do
without either. Arguments: those of nova-novncproxy.
"""

import ssl
import sys

from nova.cmd import novncproxy  # puts eventlet's modules in the place of Python's, so: first


def wrap_socket(sock, keyfile=None, certfile=None, server_side=False, cert_reqs=ssl.CERT_REQUIRED, ca_certs=None):
    """TLS to a host: its certificate is of the cloud's authority, and for the address that was called."""
    if server_side or cert_reqs != ssl.CERT_REQUIRED:
        raise ValueError("novncproxy.py: stands in for ssl.wrap_socket of a client that checks its server, and no other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=ca_certs)
    context.load_cert_chain(certfile=certfile, keyfile=keyfile)
    return context.wrap_socket(sock, server_hostname=sock.getpeername()[0])


ssl.wrap_socket = wrap_socket

if __name__ == "__main__":
    sys.exit(novncproxy.main())
