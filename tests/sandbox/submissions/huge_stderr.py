"""Complains without end."""

import sys

while True:
    sys.stderr.write("all work and no play " * 4096)
