"""Runs programs and libraries of its own from every writable place."""

import ctypes
import errno
import glob
import mmap
import os
import shutil
import sys

from attempts import HERE, OUTPUT, attempt, finish, note, syscall

library = next(iter(glob.glob("/lib*/libm.so.6") + glob.glob("/lib*/*/libm.so.6")), None)
loader = next(iter(glob.glob("/lib64/ld-linux*.so*")), None)
note("has a library and a loader", bool(library and loader))


def run(*command):
    child = os.fork()
    if child == 0:
        try:
            os.execv(command[0], list(command))
        except OSError as error:
            os._exit(error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return
    # With 127 the loader says that it could not map the program.
    raise OSError(errno.EACCES if status == 127 else status, "it could not be run")


def map_executable(path):
    with open(path, "rb") as file:
        mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)


def load(path):
    try:
        ctypes.CDLL(path)
    except OSError as error:
        raise OSError(13, str(error)) from error


for folder in ("/tmp", "/dev/shm", os.path.dirname(OUTPUT)):
    script = os.path.join(folder, "script")
    with open(script, "w") as file:
        file.write("#!" + os.path.realpath(sys.executable) + "\n")
    os.chmod(script, 0o755)
    attempt(f"run a script in {folder}", run, script)
    if library:
        copy = os.path.join(folder, "library.so")
        shutil.copy(library, copy)
        os.chmod(copy, 0o755)
        attempt(f"load a library in {folder}", load, copy)
        attempt(f"map a library in {folder}", map_executable, copy)
        os.unlink(copy)
    program = os.path.join(folder, "program")
    try:
        shutil.copy(os.path.realpath(loader or sys.executable), program)
        os.chmod(program, 0o755)
        attempt(f"run a program in {folder}", run, program, "--version")
        if loader:
            attempt(f"run a program in {folder} through the loader", run, loader, program, "--version")
        attempt(f"execveat a program in {folder}", lambda: syscall("execveat", os.open(program, os.O_PATH), ctypes.c_char_p(b""), 0, 0, 0x1000))
        os.unlink(program)
    except OSError:
        note(f"run a program in {folder}", "ENOSPC")
attempt("run a program in the submission", run, os.path.join(HERE, "program"))
os.environ["LD_PRELOAD"] = "/tmp/library.so"
attempt("memfd and execveat", lambda: syscall("execveat", syscall("memfd_create", ctypes.c_char_p(b"x"), 0), ctypes.c_char_p(b""), 0, 0, 0x1000))
finish()
