"""Stands in for keystoneauth where a program of ours is tried alone."""


class adapter:
    pass


class loading:
    pass


class exceptions:
    class ClientException(Exception):
        pass

    class HttpError(ClientException):
        message = None

    class NotFound(HttpError):
        pass

    class Unauthorized(HttpError):
        pass

    class ServiceUnavailable(HttpError):
        pass

    class MissingAuthPlugin(ClientException):
        pass
