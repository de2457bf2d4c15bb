"""The host's unix sockets: abstract, by host path, and one that lies in the submission."""

import os
import socket

from attempts import CANARIES, HERE, attempt, finish


def connect(kind, address):
    with socket.socket(socket.AF_UNIX, kind) as opened:
        opened.connect(address)
        opened.send(b"labels")


def through_a_pair(address):
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"labels", address)


for name, address in {
    "abstract": "\0" + CANARIES["abstract"],
    "by path": CANARIES["unix"],
    "in the submission": os.path.join(HERE, "socket"),
}.items():
    attempt(f"{name}, stream", connect, socket.SOCK_STREAM, address)
    attempt(f"{name}, datagram", connect, socket.SOCK_DGRAM, address)
    attempt(f"{name}, through a pair", through_a_pair, address)
attempt("abstract datagram, through a pair", through_a_pair, "\0" + CANARIES["abstract_datagram"])
finish()
