"""Looks for what the environment gives away."""

import os

from attempts import finish, note, read

note("environment", dict(os.environ))
note("raw", read("/proc/self/environ").decode())
note("ids", [os.getuid(), os.geteuid(), os.getgid(), os.getegid()])
note("groups", os.getgroups())
note("host name", os.uname().nodename)
note("status", {line.split(":")[0]: line.split(":")[1].strip() for line in read("/proc/self/status").decode().splitlines() if line.startswith(("Cap", "NoNewPrivs", "Seccomp:"))})
note("mounts", read("/proc/self/mountinfo").decode())
note("cgroup", read("/proc/self/cgroup").decode())
note("session", [os.getsid(0), os.getpgid(0)])
finish()
