"""Waits with packages imported, and forks a child for each run that it is told of.

Trusted: it runs nothing of a submission before the child has sealed itself, and decides nothing. Which namespaces
to join and which system calls make the seal, the host says.
"""

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback

LARGEST = 256 * 1024
MOST = 16
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """A layer that could not be erected."""


def tell(channel, message):
    channel.send(b"T" + json.dumps(message).encode())


def checked(layer, result):
    if result < 0:
        number = ctypes.get_errno()
        raise Refused(layer, os.strerror(number), number)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def perform(call, ruleset):
    """A system call of the seal."""
    kept, words = [], []
    for argument in call["arguments"]:
        if argument == "Ruleset":
            words.append(ctypes.c_long(ruleset))
            continue
        ((kind, value),) = argument.items()
        if kind == "Word":
            words.append(ctypes.c_ulong(value))
        elif kind == "Bytes":
            kept.append(ctypes.create_string_buffer(bytes(value), len(value)))
            words.append(ctypes.cast(kept[-1], ctypes.c_void_p))
        elif kind == "Filter":
            # Code, two jumps and a constant, packed as the kernel has them.
            packed = b"".join(
                (word >> 48).to_bytes(2, sys.byteorder)
                + (word >> 40 & 255).to_bytes(1, sys.byteorder)
                + (word >> 32 & 255).to_bytes(1, sys.byteorder)
                + (word & 0xFFFFFFFF).to_bytes(4, sys.byteorder)
                for word in value
            )
            buffer = ctypes.create_string_buffer(packed, len(packed))
            program = Program(len(value), ctypes.cast(buffer, ctypes.c_void_p))
            kept += [buffer, program]
            words.append(ctypes.byref(program))
    checked(call["layer"], libc.syscall(ctypes.c_long(call["number"]), *words))


def moved(path, places):
    if isinstance(path, str):
        for outside, inside in places:
            if path == outside or path.startswith(outside + "/"):
                return inside + path[len(outside) :]
    return path


def move_modules(places):
    """Lets what was imported outside find its files inside."""
    sys.path[:] = [moved(path, places) for path in sys.path]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if isinstance(names.get("__file__"), str):
            names["__file__"] = moved(names["__file__"], places)
        if isinstance(names.get("__path__"), list):
            names["__path__"][:] = [moved(path, places) for path in names["__path__"]]
        spec = names.get("__spec__")
        if spec is not None and isinstance(spec.origin, str):
            spec.origin = moved(spec.origin, places)


def become(task):
    """Runs the payload's command in this process, as its own Python would."""
    command = list(task["command"])
    own_folder = True
    while command and command[0].startswith("-") and command[0] != "-c":
        own_folder &= command.pop(0) not in ("-P", "-I")
    main = type(sys)("__main__")
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    if command[0] == "-c":
        sys.argv = ["-c", *command[2:]]
        source, name = command[1], "<string>"
    else:
        sys.argv = command
        name = command[0]
        main.__file__ = name
        with open(name, "rb") as file:
            source = file.read()
        if own_folder:
            sys.path.insert(0, os.path.dirname(name))
    exec(compile(source, name, "exec"), main.__dict__)


def seal_and_run(task, channel, ruleset):
    os.setsid()
    os.chdir(task["working_directory"])
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    for call in task["seal"]:
        perform(call, ruleset)
    # `write`, as every socket call is refused by now.
    os.write(channel.detach(), b'T"Sealed"')
    # Nothing that the host gave us is left open; from here on it is the submission's process.
    os.closerange(3, 1 << 16)
    os.environ.clear()
    os.environ.update(task["environment"])
    move_modules(task["moved"])
    try:
        become(task)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        # As Python itself would tell it, without our own frames.
        own = error.__traceback__
        while own and own.tb_frame.f_globals is globals():
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    end_quickly((code or 0) & 255)


def end_quickly(code):
    """Ends as Python does, but for taking every imported module apart, each in a page of its own by then."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def join(task, channel, stdout, stderr, ruleset, *namespaces):
    """The child of a run: joins its namespaces, starts the payload in them, and waits for it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    tell(channel, {"Joining": {"process": os.getpid()}})
    if channel.recv(LARGEST) != b'T"Go"':
        return
    for namespace in namespaces:
        checked("Namespaces", libc.setns(namespace, 0))
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    payload = os.fork()
    if payload == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        try:
            seal_and_run(task, channel, ruleset)
        except Refused as refused:
            report(channel, *refused.args)
            os._exit(1)
    os.close(1)
    os.close(2)
    _, status, used = os.wait4(payload, 0)
    seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    tell(channel, {"Used": {"cpu_seconds": seconds, "peak_memory_bytes": peak}})
    if os.WIFSIGNALED(status):
        tell(channel, {"Exited": {"Signal": os.WTERMSIG(status)}})
    else:
        tell(channel, {"Exited": {"Code": os.WEXITSTATUS(status)}})
    os._exit(0)


def report(channel, layer, cause, number):
    tell(channel, {"Failed": {"layer": layer, "what": "joining", "cause": cause, "number": number}})


def wait_for_runs(host):
    while True:
        numbers = array.array("i")
        message, control, _, _ = host.recvmsg(LARGEST, socket.CMSG_SPACE(MOST * numbers.itemsize))
        if not message:
            # The host is gone. Its thread that started us may have ended long before.
            os._exit(0)
        for _, _, data in control:
            numbers.frombytes(data)
        if os.fork() == 0:
            task = json.loads(message[1:])
            host.close()
            channel = socket.socket(fileno=numbers[0])
            try:
                join(task, channel, *numbers[1:])
            except Refused as refused:
                report(channel, *refused.args)
            os._exit(1)
        for number in numbers:
            os.close(number)


def main():
    host = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for name in sys.argv[1:]:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            pass
    if len(os.listdir("/proc/self/task")) > 1:
        tell(host, {"Failed": {"cause": "a package has started threads"}})
        return
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    # What is here now is never collected, so that a fork does not copy it.
    gc.collect()
    gc.freeze()
    tell(host, {"Ready": {"mapped_bytes": mapped}})
    wait_for_runs(host)


main()
