"""Symbolic links to the labels: one in the submission, one made here, one in place of the predictions."""

import os

from attempts import CANARIES, HERE, OUTPUT, attempt, json, noted, read

attempt("read the link in the submission", read, os.path.join(HERE, "link"))
os.symlink(CANARIES["labels"], "/tmp/link")
attempt("read a link of its own", read, "/tmp/link")
os.symlink(CANARIES["labels"], OUTPUT)
print("ATTEMPTS " + json.dumps(noted), flush=True)
