"""Becomes another user: by a setuid copy, by setuid and its kin, by changing owners."""

import os
import shutil
import sys

from attempts import attempt, ctypes, finish, note, syscall


def run(path):
    child = os.fork()
    if child == 0:
        try:
            os.execv(path, [path, "-c", "raise SystemExit(77)"])
        except OSError as error:
            os._exit(error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 77:
        return
    raise OSError(status, "it could not be run")


copy = "/tmp/python"
try:
    shutil.copy(os.path.realpath(sys.executable), copy)
except OSError:
    with open(copy, "wb") as file:
        file.write(b"#!" + sys.executable.encode() + b"\nraise SystemExit(77)\n")
os.chmod(copy, 0o4755)
attempt("run a setuid copy", run, copy)
for name, arguments in {
    "setuid": (0,),
    "setgid": (0,),
    "setreuid": (0, 0),
    "setresuid": (0, 0, 0),
    "setresgid": (0, 0, 0),
}.items():
    attempt(name, syscall, name, *arguments)
attempt("setgroups", os.setgroups, [0])
attempt("chown to root", os.chown, copy, 0, 0)
attempt("chown to another", os.chown, copy, 12345, 12345)
attempt("capset", lambda: syscall("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)))
attempt("run su", run, "/usr/bin/su")
note("ids", [os.getuid(), os.geteuid(), os.getgid(), os.getegid()])
finish()
