"""What the submissions share: try something, note which error the kernel answered with, predict all the same."""

import ctypes
import errno
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# The attacker is told everything: where the labels lie, where the sockets listen, how syscalls are numbered.
with open(os.path.join(HERE, "canaries.json")) as file:
    CANARIES = json.load(file)
FEATURES, OUTPUT = sys.argv[1], sys.argv[2]

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
noted = {}


def syscall(name, *arguments):
    """A raw system call, by name or by number."""
    number = CANARIES["syscalls"][name] if isinstance(name, str) else name
    result = libc.syscall(ctypes.c_long(number), *map(as_register, arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), f"{name} was refused")
    return result


def as_register(value):
    return ctypes.c_long(value) if isinstance(value, int) else value


def note(what, outcome):
    noted[what] = outcome


def attempt(what, call, *arguments, **named):
    """Calls, and notes `DONE` or the name of the error."""
    try:
        result = call(*arguments, **named)
    except OSError as error:
        note(what, errno.errorcode.get(error.errno, str(error.errno)))
        return None
    except (MemoryError, ValueError, RuntimeError) as error:
        note(what, type(error).__name__)
        return None
    note(what, "DONE")
    return result


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content=b"changed"):
    with open(path, "wb") as file:
        file.write(content)


def until_refused(what, call, at_most):
    """Calls until an error stops it; notes the error and returns what was gathered."""
    gathered = []
    for _ in range(at_most):
        try:
            gathered.append(call())
        except OSError as error:
            note(what, errno.errorcode.get(error.errno, str(error.errno)))
            return gathered
        except (MemoryError, RuntimeError) as error:
            note(what, type(error).__name__)
            return gathered
    note(what, "DONE")
    return gathered


def fork(work):
    """Runs `work` in a child, which never returns from here."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def predict(path=OUTPUT):
    """One line a row of the features, as an honest model would."""
    with open(FEATURES) as features, open(path, "w") as predictions:
        next(features)
        print("id,prediction", file=predictions)
        for row in features:
            print(f"{row.split(',')[0]},0.5", file=predictions)


def finish():
    predict()
    print("ATTEMPTS " + json.dumps(noted), flush=True)
