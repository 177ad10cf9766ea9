"""Stands in for what Neutron repeats, which says the longest pause and makes none, and for its first entry in OVN."""

import os


def retry(max_=None):
    def inner(function):
        def wrapper(*words):
            while True:
                try:
                    return function(*words)
                except Exception:
                    print(f"{function.__name__} is repeated after {max_} s at most", flush=True)

        return wrapper

    return inner


def create_neutron_pg_drop():
    with open(os.environ["FAILURES"], "r+") as file:
        failures = int(file.read())
        file.seek(0)
        file.write(str(failures - 1))
    if failures > 0:
        raise Exception("Connection refused")
    print("entered", flush=True)
