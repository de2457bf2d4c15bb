"""Looks at the other processes, above all at the first."""

import errno
import os

from attempts import CANARIES, attempt, finish, note, read

note("pids", sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
note("own pid", os.getpid())
for file in ("environ", "mem", "maps", "auxv", "stack", "syscall", "fd", "fdinfo", "root", "cwd", "exe", "ns/mnt", "map_files", "task/1/fd", "smaps"):
    path = f"/proc/1/{file}"
    if file in ("fd", "fdinfo", "map_files", "task/1/fd"):
        attempt(path, os.listdir, path)
    elif file in ("root", "cwd", "exe", "ns/mnt"):
        attempt(path, os.readlink, path)
    else:
        attempt(path, read, path)
for number in range(64):
    try:
        os.open(f"/proc/1/fd/{number}", os.O_RDONLY)
    except OSError:
        continue
    note(f"/proc/1/fd/{number}", "DONE")
attempt("the test's own process", os.listdir, f"/proc/{CANARIES['test_pid']}")
for file in ("kcore", "kmsg", "kallsyms", "keys", "key-users", "timer_list", "sched_debug", "kpagecount", "kpageflags", "vmallocinfo", "slabinfo", "iomem", "config.gz", "latency_stats", "sysrq-trigger", "scsi/scsi", "acpi", "bus", "irq", "fs/ext4", "driver", "tty/drivers", "modules", "interrupts", "net/unix", "net/tcp"):
    path = f"/proc/{file}"
    if os.path.isdir(path):
        names = attempt(path, os.listdir, path)
        if names == []:
            note(path, "EMPTY")
        continue
    try:
        with open(path, "rb") as opened:
            # A table of nothing but its heading is empty.
            rows = opened.readlines(4096)
            note(path, "EMPTY" if not rows or path.startswith("/proc/net") and len(rows) == 1 else "DONE")
    except OSError as error:
        note(path, errno.errorcode[error.errno])
finish()
