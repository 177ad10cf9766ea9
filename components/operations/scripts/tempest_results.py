"""Reads a subunit stream on standard input and writes its tests as JSON: id, status, seconds, detail."""

import json
import sys


def seconds(timestamps):
    begin, end = (list(timestamps) + [None, None])[:2]
    return round((end - begin).total_seconds(), 3) if begin and end else 0.0


def detail(test):
    """Of a test that was left out the reason, of a failed one the traceback; logs are in tempest.log."""
    wanted = ("reason", "traceback") if test["status"] in ("skip", "fail", "uxsuccess") else ()
    texts = [content.as_text() for name, content in sorted(test["details"].items()) if name.startswith(wanted)] if wanted else []
    return "\n".join(text.strip() for text in texts)


def entry(test):
    return {"id": test["id"], "status": test["status"], "seconds": seconds(test["timestamps"]), "detail": detail(test)}


def main():
    import subunit
    import testtools

    tests = []
    stream = subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout")
    result = testtools.StreamToDict(lambda test: tests.append(entry(test)) if test["status"] != "exists" else None)
    result.startTestRun()
    try:
        stream.run(result)
    finally:
        result.stopTestRun()
    json.dump(tests, sys.stdout)


if __name__ == "__main__":
    main()
