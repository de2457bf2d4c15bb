"""Sends a file to "{{ title }}" and waits for its score; standard library only.

Run as: PADDOCK_TOKEN=… python3 submit.py FILE

The token: {{ address }}/account, with the scope "submit" to send and "read" to see the score.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS = {{ address_literal }}
CHALLENGE = {{ slug }}
KIND = {{ kind }}
MEDIA_TYPES = {{ media_types }}


def call(method, path, body=None, media_type=None):
    """Calls the API and returns what it answers; ends the program with the words of a refusal."""
    request = urllib.request.Request(ADDRESS + path, data=body, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["PADDOCK_TOKEN"])
    if media_type:
        request.add_header("Content-Type", media_type)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        problem = json.load(refused)
        sys.exit(f"{problem['title']}: {problem['detail']}")


def main(file):
    ending = Path(file).suffix.lower()
    if ending not in MEDIA_TYPES:
        sys.exit(f"{file}: send one of {', '.join(MEDIA_TYPES)}")
    body = Path(file).read_bytes()
    path = f"/api/v1/challenges/{CHALLENGE}/submissions?kind={KIND}"
    submission = call("POST", path, body, MEDIA_TYPES[ending])
    print(f"submission {submission['id']} was received")
    while submission["state"] in ("queued", "running"):
        submission = call("GET", f"/api/v1/submissions/{submission['id']}?wait=30")
    if submission["state"] == "scored":
        print(f"public score: {submission['public_score']}")
    else:
        sys.exit(f"{submission['verdict']}: {submission['reason']}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or "PADDOCK_TOKEN" not in os.environ:
        sys.exit("usage: PADDOCK_TOKEN=… python3 submit.py FILE")
    main(sys.argv[1])
