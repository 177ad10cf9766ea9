"""Stands in for nova-scheduler: it makes its client of Placement, and says what it was called with."""

import sys

from nova.scheduler.client import report


def main():
    print(report.SchedulerReportClient()._client, *sys.argv, flush=True)
