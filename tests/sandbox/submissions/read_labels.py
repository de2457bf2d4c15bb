"""Reads the labels by path, upwards, through /proc and through what is open."""

import glob
import os

from attempts import CANARIES, HERE, attempt, finish, note, read

labels = CANARIES["labels"]
attempt("by path", read, labels)
for start in (HERE, "/data", "/proc/self/cwd", "/tmp", "/output"):
    for depth in (1, 2, 8):
        attempt(f"upwards from {start} by {depth}", read, os.path.join(start, *[".."] * depth) + labels)
attempt("through own root", read, "/proc/self/root" + labels)
attempt("through own directory", read, "/proc/self/cwd/" + os.path.relpath(labels, "/"))
for process in glob.glob("/proc/[0-9]*"):
    attempt(f"through the root of {process}", read, process + "/root" + labels)
    attempt(f"through the directory of {process}", read, process + "/cwd/../../../../.." + labels)
found = [
    os.path.join(folder, name)
    for folder, _, names in os.walk("/")
    for name in names
    if name == os.path.basename(labels)
]
note("found anywhere", found)
for host in ("/etc/shadow", "/etc/machine-id", "/etc/hostname", "/root", "/home", "/sys", "/run", "/var/log", "/boot"):
    attempt(f"open {host}", os.open, host, os.O_RDONLY)
finish()
