"""The load benchmark; benches/load.sh builds the server and runs this.

    load.py PADDOCK ROUNDS

Fills a database in a temporary directory with the board of leaderboard.sql, serves it on loopback, and prints
the server's memory, the requests per second of its leaderboard beside the reference's, and the time from
the last byte of a submission of 10,000 rows to its score.
"""

import contextlib
import datetime
import http.client
import json
import os
import random
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 32
SECONDS = 10
# At 32 connections an answer of the reference takes many seconds.
REFERENCE_SECONDS = 20
PATIENCE = 60
ROWS = 10_000
SUBMISSIONS = 50
CHALLENGE = """
slug = "board"
title = "A full board"
tagline = "Predict a number."
rules = "Be fair."
[prediction_format]
id_column = "id"
columns = [{{ name = "prediction", kind = "number" }}]
[[pages]]
slug = "overview"
title = "Overview"
body = "Predict a number."
[[phases]]
name = "Season"
starts_at = {start}
ends_at = {end}
metric = "rmse"
submissions_per_day = 1000
submissions_total = 1000
[phases.solution]
id_column = "id"
target_column = "target"
"""


class Paddock:
    """A server of its own, and the command line beside it."""

    def __init__(self, binary, directory):
        self.binary, self.data = str(binary), directory / "data"
        # The submissions all come from one address, faster than one person's.
        self.environment = os.environ | {"PADDOCK_SUBMISSIONS_PER_MINUTE": "100000"}

    def command(self, *arguments):
        command = [self.binary, "--data-dir", str(self.data), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    @contextlib.contextmanager
    def serve(self):
        command = [self.binary, "--data-dir", str(self.data), "serve", "--listen", "127.0.0.1:0"]
        with (self.data / "log").open("w") as log, running(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            told = process.stdout.readline()
            if not told.startswith("Serving at "):
                raise SystemExit(f"the server does not start; see its log:\n{(self.data / 'log').read_text()}")
            yield process.pid, told.split()[-1]


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def post_challenge(paddock, directory):
    """The challenge with its full board, and a token of an expert who will submit; returns the token."""
    numbers = random.Random(20260501)
    rows = [(row, numbers.random()) for row in range(1, ROWS + 1)]
    (directory / "solution.csv").write_text("id,target\n" + "".join(f"{row},{value}\n" for row, value in rows))
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    start, end = (now + datetime.timedelta(days=days) for days in (-30, 30))
    challenge = directory / "challenge.toml"
    challenge.write_text(CHALLENGE.format(start=start.isoformat(), end=end.isoformat()))
    paddock.command("user", "create", "karla", "--email", "karla@example.org", "--role", "organizer")
    paddock.command("user", "create", "erik", "--email", "erik@example.org")
    paddock.command(
        "challenge", "create", challenge, "--solution", directory / "solution.csv", "--owner", "karla", "--publish"
    )
    with contextlib.closing(sqlite3.connect(paddock.data / "paddock.db")) as database:
        database.executescript((HERE / "leaderboard.sql").read_text())
    return paddock.command("user", "token", "erik", "--scope", "read", "--scope", "submit")


@contextlib.contextmanager
def reference(database):
    """Flask under gunicorn. Started anew for each load: it would go on with what it was asked before."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "4"]
    command += ["--timeout", "120", "--graceful-timeout", "1", "--log-level", "critical", "--chdir", str(HERE)]
    command += ["--bind", address, "leaderboard_reference:app"]
    with running(command, env=os.environ | {"BOARD": str(database)}) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield process.pid, f"http://{address}"


def resident_mib(pid):
    """What a process holds in memory, with its children."""
    status = Path(f"/proc/{pid}/status").read_text()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024 + sum(map(resident_mib, children))


def cpu_seconds(pid):
    """What a process has used of the processors, with its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, children))


def load(pid, url, seconds, headers=()):
    """Requests per second, the median and 99th percentile of the latency, as wrk tells them, and the milliseconds
    of a processor that the server took for each: what is left to compare on a machine that others use."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", f"--timeout={PATIENCE}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    used = cpu_seconds(pid)
    told = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    used = cpu_seconds(pid) - used
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"{url} fails under load:\n{told}")
    latency = {share: found for share, found in re.findall(r"(50|99)%\s+(\S+)", told)}
    rate = float(re.search(r"Requests/sec:\s+(\S+)", told)[1])
    answered = int(re.search(r"(\d+) requests in", told)[1])
    return rate, latency["50"], latency["99"], used * 1000 / answered if answered else float("nan")


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def teams_of(url):
    return re.findall(r"Team \d{5}", fetch(url))


def submit(url, token):
    """For each submission the milliseconds from its last byte to the answer that it is scored, and those of them
    between its acceptance and its score in the database."""
    numbers = random.Random(7)
    body = "id,prediction\n" + "".join(f"{row},{numbers.random()}\n" for row in range(1, ROWS + 1))
    server = http.client.HTTPConnection(url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {token}"}

    def call(method, path, body=None, media_type="application/json"):
        server.putrequest(method, path)
        for name, value in headers.items():
            server.putheader(name, value)
        if body is not None:
            server.putheader("Content-Type", media_type)
            server.putheader("Content-Length", len(body))
        server.endheaders(body)
        sent = time.perf_counter()
        response = server.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {answer}")
        return sent, answer

    call("POST", "/api/v1/challenges/board/membership", b'{"rules_version": 1}')
    waited = []
    for turn in range(SUBMISSIONS + 1):
        sent, submission = call("POST", "/api/v1/challenges/board/submissions", body.encode(), "text/csv")
        _, submission = call("GET", f"/api/v1/submissions/{submission['id']}?wait=30")
        if submission["state"] != "scored":
            raise SystemExit(f"not scored: {submission}")
        if turn > 0:  # the first reads the solution
            queued = datetime.datetime.fromisoformat(submission["scored_at"]) - datetime.datetime.fromisoformat(
                submission["received_at"]
            )
            waited.append(((time.perf_counter() - sent) * 1000, queued.total_seconds() * 1000))
    return waited


def main(binary, rounds):
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        directory = Path(directory)
        paddock = Paddock(binary.resolve(), directory)
        token = post_challenge(paddock, directory)
        pid, url = stack.enter_context(paddock.serve())
        fetch(f"{url}/readyz")
        time.sleep(2)
        idle = resident_mib(pid)

        waited, queued = zip(*submit(url, token))
        print(f"{SUBMISSIONS} submissions of {ROWS:,} rows, from the last byte to the score, in ms:")
        for name, times in (("as the sender sees it", waited), ("from acceptance to the stored score", queued)):
            most = statistics.quantiles(times, n=20, method="inclusive")[-1]
            print(f"{name:36} median {statistics.median(times):6.1f}, 95 % {most:6.1f}, most {max(times):6.1f}")

        page = f"{url}/challenges/board/leaderboard"
        api = f"{url}/api/v1/challenges/board/leaderboard?limit=50"
        ours = {
            "leaderboard page": (page, []),
            "leaderboard page, gzip": (page, ["Accept-Encoding: gzip"]),
            "leaderboard API": (api, []),
            "leaderboard API, with a token": (api, [f"Authorization: Bearer {token}"]),
        }
        references = {
            "Flask page, window": "/window",
            "Flask API, window": "/window?json",
            "Flask page, indexed table": "/entries",
        }
        top = teams_of(page)
        if len(top) != 50:
            raise SystemExit(f"the page shows {top}")

        results = {name: [] for name in [*ours, *references]}
        for _ in range(rounds):
            for name, (address, headers) in ours.items():
                results[name].append(load(pid, address, SECONDS, headers))
            loaded = resident_mib(pid)
            for name, path in references.items():
                with reference(paddock.data / "paddock.db") as (reference_pid, reference_url):
                    if teams_of(reference_url + path) != top or teams_of(api) != top:
                        raise SystemExit(f"{name}: the boards differ")
                    results[name].append(load(reference_pid, reference_url + path, REFERENCE_SECONDS))
                    reference_loaded = resident_mib(reference_pid)
        medians = {name: sorted(result)[len(result) // 2] for name, result in results.items()}
        window = medians["Flask page, window"][0] or float("nan")
        print(f"\n10,000 teams, {CONNECTIONS} connections, {SECONDS} s, the reference {REFERENCE_SECONDS} s,", end=" ")
        print(f"median of {rounds}:")
        print(f"{'':32}{'requests/s':>12}{'median':>10}{'99 %':>10}{'CPU ms each':>13}{'times the window':>18}")
        for name, (rate, median, most, cpu) in medians.items():
            print(f"{name:32}{rate:12.1f}{median:>10}{most:>10}{cpu:13.3f}{rate / window:18.1f}")

        print(f"\nresident memory: {idle:.1f} MiB after the start, {loaded:.1f} MiB after the load;", end=" ")
        print(f"Flask with two workers {reference_loaded:.1f} MiB after it")
        print("load average of the machine:", Path("/proc/loadavg").read_text().strip())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]))
