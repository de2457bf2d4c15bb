"""Every family of sockets; TCP and UDP to the test's own listeners."""

import socket

from attempts import CANARIES, attempt, finish

port, port6, udp = CANARIES["tcp4"], CANARIES["tcp6"], CANARIES["udp"]


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.connect(address)


def send(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"labels", address)


def listen():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()


attempt("TCP", connect, socket.AF_INET, ("127.0.0.1", port))
attempt("TCP over IPv6", connect, socket.AF_INET6, ("::1", port6))
attempt("UDP", send, socket.AF_INET, ("127.0.0.1", udp))
attempt("listen", listen)
for name, family, kind, protocol in (
    ("UDP over IPv6", socket.AF_INET6, socket.SOCK_DGRAM, 0),
    ("SCTP", socket.AF_INET, socket.SOCK_STREAM, 132),
    ("ICMP", socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
    ("MPTCP", socket.AF_INET, socket.SOCK_STREAM, 262),
    ("netlink", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    ("raw", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    ("packet", socket.AF_PACKET, socket.SOCK_RAW, 0),
    ("vsock", socket.AF_VSOCK, socket.SOCK_STREAM, 0),
    ("AF_ALG", socket.AF_ALG, socket.SOCK_SEQPACKET, 0),
    ("bluetooth", 31, socket.SOCK_RAW, 1),
    ("XDP", 44, socket.SOCK_RAW, 0),
    ("KCM", 41, socket.SOCK_DGRAM, 0),
    ("TIPC", 30, socket.SOCK_STREAM, 0),
    ("unix", socket.AF_UNIX, socket.SOCK_STREAM, 0),
    ("unix datagram", socket.AF_UNIX, socket.SOCK_DGRAM, 0),
    ("SMC", 43, socket.SOCK_STREAM, 0),
    ("key", 15, socket.SOCK_RAW, 2),
    ("CAN", 29, socket.SOCK_RAW, 1),
):
    attempt(name, lambda: socket.socket(family, kind, protocol).close())
for family in range(64):
    try:
        socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0).close()
    except OSError:
        continue
    attempt(f"family {family}", lambda: None)
finish()
