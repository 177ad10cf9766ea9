"""Stands in for what Neutron repeats, which says the longest pause and makes none, and for its first entry in OVN."""

import os


def answers(name):
    """Fails as often as a variable says."""
    failures = int(os.environ[name])
    os.environ[name] = str(failures - 1)
    if failures > 0:
        raise Exception("Connection refused")


def retry(max_=None):
    longest = max_ or os.environ["OVSDB_RETRY_MAX_INTERVAL"]

    def inner(function):
        def wrapper(*words):
            while True:
                try:
                    return function(*words)
                except Exception:
                    print(f"{function.__name__} is repeated after {longest} s at most", flush=True)

        return wrapper

    return inner


def create_neutron_pg_drop():
    answers("OVN_FAILURES")
    print("entered", flush=True)
