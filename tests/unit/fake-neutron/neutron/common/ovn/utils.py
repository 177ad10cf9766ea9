"""Stands in for what Neutron repeats: it says the longest pause, and makes none."""


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
