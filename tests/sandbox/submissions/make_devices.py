"""Makes devices and opens the machine's."""

import os
import stat

from attempts import attempt, finish

for name, kind, major, minor in (("memory", stat.S_IFCHR, 1, 1), ("disk", stat.S_IFBLK, 253, 0), ("kvm", stat.S_IFCHR, 10, 232)):
    for folder in ("/tmp", "/dev/shm", "/dev"):
        attempt(f"mknod {name} in {folder}", os.mknod, f"{folder}/{name}", kind | 0o666, os.makedev(major, minor))
for device in ("kvm", "mem", "kmsg", "port", "vda", "sda", "fuse", "tty", "console", "ptmx", "tty0", "loop-control", "net/tun", "vhost-net", "rtc0", "hpet", "userfaultfd", "vsock"):
    attempt(f"open /dev/{device}", os.open, f"/dev/{device}", os.O_RDWR)
for device in ("null", "zero", "urandom"):
    path = f"/dev/{device}"
    attempt(f"chmod {path}", os.chmod, path, 0o600)
    attempt(f"touch {path}", os.utime, path)
    attempt(f"chown {path}", os.chown, path, os.getuid(), -1)
    attempt(f"setxattr {path}", os.setxattr, path, "user.changed", b"1")
    attempt(f"unlink {path}", os.unlink, path)
# The open file may hang in another mount than the path.
attempt("touch stdin", os.utime, 0)
attempt("chmod stdin", os.fchmod, 0, 0o600)
attempt("touch stdin through /proc", os.utime, "/proc/self/fd/0")
attempt("list /dev", os.listdir, "/dev")
finish()
