"""Stands in for Nova's contexts."""


def get_admin_context():
    return "administrator"
