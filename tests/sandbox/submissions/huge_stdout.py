"""Prints without end."""

import sys

while True:
    sys.stdout.write("all work and no play " * 4096)
