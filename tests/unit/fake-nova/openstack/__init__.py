"""Stands in for openstacksdk where a program of ours is tried alone."""


class exceptions:
    class SDKException(Exception):
        pass

    class NotSupported(SDKException):
        pass
