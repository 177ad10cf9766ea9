"""Stands in for keystoneauth where a program of ours is tried alone."""


class adapter:
    pass


class loading:
    pass


class exceptions:
    class HttpError(Exception):
        message = None

    class NotFound(HttpError):
        pass
