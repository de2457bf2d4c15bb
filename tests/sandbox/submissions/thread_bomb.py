"""Starts threads until the kernel refuses, and holds them all."""

import threading

from attempts import finish, note, until_refused

threading.stack_size(64 * 1024)
done = threading.Event()


def start():
    thread = threading.Thread(target=done.wait)
    thread.start()
    return thread


threads = until_refused("start a thread", start, 5000)
note("started", len(threads))
done.set()
for thread in threads:
    thread.join()
finish()
