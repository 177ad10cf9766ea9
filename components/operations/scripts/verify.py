"""Verifies a cloud the way its users meet it: a server with a floating IP, metadata and a console, and everything gone again.

Needs the OpenStack SDK, credentials of an administrator (clouds.yaml and OS_CLOUD, as for any client) and a disk image.
What must be done from outside the cloud's API (ssh, ping) it does itself, or, with --events, asks its caller to do: then
its standard output is one JSON object a line, and each "ask" is answered by one line on standard input.

Everything it makes is named stratiform-verify-…, and whatever is named so is removed before and after: one verification of
a cloud runs at a time.
"""

import argparse
import json
import subprocess
import sys
import tempfile

from verify_steps import PREFIX, Failure, Verification


class TextEvents:
    """Tells people what happens."""

    def begin(self, step, services):
        print(f"… {step}", flush=True)

    def end(self, step, seconds, detail):
        print(f"✓ {step} ({seconds:.1f} s){': ' + detail if detail else ''}", flush=True)

    def fail(self, step, seconds, error, services):
        print(f"✗ {step} ({seconds:.1f} s): {error}", flush=True)
        print(f"  services to look at: {', '.join(services)}", flush=True)

    def progress(self, text):
        print(f"  {text}", flush=True)

    def done(self, seconds, failed):
        print(f"{'failed' if failed else 'the cloud works'} ({seconds:.1f} s)", flush=True)


class JsonEvents:
    """Tells a program what happens."""

    def __init__(self, out=sys.stdout):
        self.out = out

    def emit(self, event, **fields):
        print(json.dumps({"event": event, **fields}), file=self.out, flush=True)

    def begin(self, step, services):
        self.emit("begin", step=step, services=list(services))

    def end(self, step, seconds, detail):
        self.emit("end", step=step, seconds=round(seconds, 2), detail=detail)

    def fail(self, step, seconds, error, services):
        self.emit("fail", step=step, seconds=round(seconds, 2), error=error, services=list(services))

    def progress(self, text):
        self.emit("progress", text=text)

    def done(self, seconds, failed):
        self.emit("done", seconds=round(seconds, 2), failed=failed)


class LocalReach:
    """Reaches servers from where this program runs."""

    def __init__(self, identity):
        self.identity = identity

    def _run(self, command, limit):
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return False, str(error)
        return result.returncode == 0, result.stdout if result.returncode == 0 else result.stderr

    def ssh(self, address, command, user="root"):
        options = ["BatchMode=yes", "ConnectTimeout=5", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        words = [word for option in options for word in ("-o", option)]
        return self._run(["ssh", *words, "-i", self.identity, f"{user}@{address}", command], 60)

    def ping(self, address):
        return self._run(["ping", "-c", "3", "-W", "5", address], 30)


class AskingReach:
    """Has its caller reach servers."""

    def __init__(self, events, answers=sys.stdin):
        self.events = events
        self.answers = answers

    def _ask(self, **what):
        self.events.emit("ask", **what)
        line = self.answers.readline()
        if not line:
            raise Failure("the caller is gone")
        answer = json.loads(line)
        return bool(answer["ok"]), str(answer.get("output", ""))

    def ssh(self, address, command, user="root"):
        return self._ask(what="ssh", address=address, command=command, user=user)

    def ping(self, address):
        return self._ask(what="ping", address=address)


def parse(argv):
    parser = argparse.ArgumentParser(description="Verifies an OpenStack cloud")
    image = parser.add_mutually_exclusive_group(required=True)
    image.add_argument("--image", help="disk image of a guest that takes root's key from the metadata service")
    image.add_argument("--guest-image", help="name of such an image that is in the cloud already")
    parser.add_argument("--disk-format", default="qcow2")
    parser.add_argument("--mark", default="", help="text that the guest writes to its console")
    parser.add_argument("--public-key", help="file with the public key that is to open the servers (only with --events)")
    parser.add_argument("--hosts", type=int, help="on how many compute hosts a server is started (default: up to 2)")
    parser.add_argument("--external", help="name of the external network (default: the first one)")
    parser.add_argument("--keep", action="store_true", help="leave everything as it is after a failure")
    parser.add_argument("--clean", action="store_true", help="only remove what earlier runs left")
    parser.add_argument("--events", action="store_true", help="speak with a program: JSON lines")
    options = parser.parse_args(argv)
    if options.events != (options.public_key is not None):
        parser.error("--events and --public-key go together: whoever is asked for ssh has the key")
    return options


def key_pair(directory):
    """Makes a key for this run; the files of its private and public part."""
    private = f"{directory}/key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", PREFIX + "key", "-f", private], check=True)
    return private, f"{private}.pub"


def connect():
    import openstack  # only here: the rest can be tried without it

    cloud = openstack.connect()
    cloud.authorize()
    return cloud


def main(argv):
    options = parse(argv)
    events = JsonEvents() if options.events else TextEvents()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as directory:
        private, public = (None, options.public_key) if options.events else key_pair(directory)
        with open(public, encoding="utf-8") as file:
            options.public_key = file.read().strip()
        run = Verification(connect, options, events, AskingReach(events) if options.events else LocalReach(private))
        return 0 if (run.clean() if options.clean else run.run()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
