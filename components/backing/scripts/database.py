"""Makes the databases and the user of a service, as the database's administrator. It can be run again at any time.

The server may still be on its way up. Environment: DATABASE_HOST, DATABASE_PORT; PASSWORD_FILE, of the administrator;
STATEMENTS_FILE, a list of SQL statements as JSON; JOB_ATTEMPTS: how often it tries, every 2 s.
"""

import json
import os
import sys
import time

import pymysql

PAUSE = 2
CONNECT_SECONDS = 5


def read(name):
    with open(os.environ[name], encoding="utf-8") as file:
        return file.read()


def run(statements):
    connection = pymysql.connect(
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        user="admin",
        password=read("PASSWORD_FILE"),
        connect_timeout=CONNECT_SECONDS,
    )
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def reason(error):
    """What the server or the network says, in one line. A statement that failed may be part of it, from its place on: left out."""
    text = " ".join(str(part) for part in error.args)
    return text.split(" near '")[0].splitlines()[0] if text else type(error).__name__


def main():
    statements = json.loads(read("STATEMENTS_FILE"))
    attempts = int(os.environ["JOB_ATTEMPTS"])
    for attempt in range(1, attempts + 1):
        try:
            run(statements)
        except (pymysql.MySQLError, OSError) as error:
            if attempt == attempts:
                print(f"gave up after {attempts} attempts: {reason(error)}", flush=True)
                return 1
            if attempt % 5 == 1:
                print(f"tries again: {reason(error)}", flush=True)
            time.sleep(PAUSE)
        else:
            print("databases and user are there", flush=True)
            return 0


if __name__ == "__main__":
    sys.exit(main())
