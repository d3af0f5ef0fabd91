"""An S3 server for the tests: moto's server on a free port, one per test process,
with a bucket for each test.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from tests.patience import patient
from tests.servers import AT_END

START_TIMEOUT_S = 60.0
# Never the credentials of the user who runs the tests.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}


@cache
def endpoint() -> str:
    """Return the server's URL; the first call starts it. Sets the process's AWS credentials,
    which moto ignores.
    """
    os.environ.update(CREDENTIALS)
    os.environ.pop("AWS_SESSION_TOKEN", None)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("moto_server")
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    AT_END.callback(server.wait)
    AT_END.callback(server.terminate)
    deadline = time.monotonic() + patient(START_TIMEOUT_S)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("moto's S3 did not start") from None
            time.sleep(0.05)
        else:
            return f"http://127.0.0.1:{port}"


def new_bucket() -> str:
    """Return the URL of an empty library, in the form of ``MEDIAVAULT_VAULT_URL``.
    Its prefix contains a space.
    """
    name = f"vault-{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(
        urllib.request.Request(f"{endpoint()}/{name}", method="PUT", data=b"")
    ).close()
    return f"s3://{name}/my%20library?endpoint={endpoint()}&region=us-east-1"


def unfinished_uploads(address: str) -> int:
    """Return how many multipart uploads of the bucket are neither completed nor aborted."""
    bucket = address.removeprefix("s3://").partition("/")[0]
    with urllib.request.urlopen(f"{endpoint()}/{bucket}?uploads") as answer:
        return sum(
            element.tag.endswith("}Upload")
            for element in ElementTree.fromstring(answer.read()).iter()
        )
