"""Writes to the runtime, the submission, the features and the kernel's settings."""

import os
import sys

from attempts import FEATURES, HERE, attempt, finish, write


def append(path):
    with open(path, "ab") as file:
        file.write(b"# changed\n")


standard_library = os.path.dirname(os.__file__)
for name, path in {
    "interpreter": os.path.realpath(sys.executable),
    "standard library": os.__file__,
    "features": FEATURES,
    "submission": os.path.join(HERE, "main.py"),
}.items():
    attempt(f"append to {name}", append, path)
    attempt(f"truncate {name}", os.truncate, path, 0)
    attempt(f"chmod {name}", os.chmod, path, 0o777)
    attempt(f"touch {name}", os.utime, path)
    attempt(f"unlink {name}", os.unlink, path)
    attempt(f"rename {name}", os.rename, path, path + ".old")
    attempt(f"setxattr {name}", os.setxattr, path, "user.changed", b"1")
    attempt(f"file beside {name}", write, os.path.join(os.path.dirname(path), "new"))
    attempt(f"folder beside {name}", os.mkdir, os.path.join(os.path.dirname(path), "folder"))
for setting in (
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/modprobe",
    "kernel/domainname",
    "kernel/shmmax",
    "vm/overcommit_memory",
    "fs/mqueue/msg_max",
    "net/ipv4/ip_forward",
    "net/ipv4/ping_group_range",
    "user/max_user_namespaces",
):
    attempt(f"sysctl {setting}", write, f"/proc/sys/{setting}", b"1")
for file in ("oom_score_adj", "uid_map", "gid_map", "setgroups", "timerslack_ns", "coredump_filter", "clear_refs", "loginuid", "comm", "autogroup", "mem", "attr/current", "make-it-fail"):
    attempt(f"write /proc/self/{file}", write, f"/proc/self/{file}", b"1")
attempt("sysrq", write, "/proc/sysrq-trigger", b"h")
finish()
