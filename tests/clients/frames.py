"""pandas, Polars and DuckDB read a release over HTTP, whole and by ranges, by signed addresses and by tokens."""

import io
import json
import math
import sys
import urllib.error

import duckdb
import pandas
import polars
import requests

import httpfs

told = json.load(open(sys.argv[1]))


def address(slug, path):
    return f"{told['base']}/datasets/{slug}/files/{path}?version=1"


def right(rows, total):
    assert rows == told["rows"] and math.isclose(total, told["seconds"], rel_tol=1e-12), (rows, total)


duck = duckdb.connect()
httpfs.load(duck)


def all_three(csv, parquet):
    """Each reader, each format: two addresses that need nothing else."""
    for frame in [pandas.read_csv(csv), pandas.read_parquet(parquet)]:
        right(len(frame), frame["seconds"].sum())
    # Polars asks for the last 256 KiB first, more than there are.
    for frame in [polars.read_parquet(parquet), polars.read_csv(csv), polars.scan_csv(csv).collect()]:
        right(frame.height, frame["seconds"].sum())
    pushed = polars.scan_parquet(parquet).filter(polars.col("lap") == 7).select("seconds").collect()
    assert pushed.shape == (told["rows"] // 20, 1), pushed
    for read in [f"read_csv('{csv}')", f"read_parquet('{parquet}')"]:
        right(*duck.sql(f"SELECT count(*), sum(seconds)::DOUBLE FROM {read}").fetchone())


slug, gated = told["slug"], told["gated_slug"]
csv, parquet = address(slug, "data.csv"), address(slug, "data.parquet")
all_three(csv, parquet)
types = polars.read_parquet(parquet).schema
assert types["start_number"] == polars.String and types["day"] == polars.Date, types
assert types["wet"] == polars.Boolean and types["pit_seconds"] == polars.Int64, types

# The bytes, by hand: HEAD, one range, a suffix longer than the file, several ranges, ranges of old bytes.
whole = requests.get(csv).content
head = requests.head(csv)
assert int(head.headers["Content-Length"]) == len(whole) and head.headers["Accept-Ranges"] == "bytes"
assert head.headers["Cache-Control"] == "public, max-age=31536000, immutable", head.headers


def part(range, **headers):
    answer = requests.get(csv, headers={"Range": range, **headers})
    return answer.status_code, answer.content


etag = head.headers["ETag"]
assert part("bytes=3-9") == (206, whole[3:10])
assert part(f"bytes=-{len(whole) * 2}") == (206, whole)
assert part("bytes=0-1,5-6") == (200, whole)
assert part("bytes=3-9", **{"If-Range": etag}) == (206, whole[3:10])
assert part("bytes=3-9", **{"If-Range": '"old"'}) == (200, whole)
assert part(f"bytes={len(whole)}-")[0] == 416

# Signed addresses need nothing but themselves, which is all that Polars can send.
signed = told["signed"]
all_three(signed["data.csv"], signed["data.parquet"])
assert requests.head(signed["data.csv"]).headers["Cache-Control"].startswith("private")

# Without one, each client says that it takes an account, and each that can send a token gets in.
csv, parquet = address(gated, "data.csv"), address(gated, "data.parquet")
for read in [lambda: pandas.read_csv(csv), lambda: polars.read_parquet(parquet)]:
    try:
        read()
        raise SystemExit("a file that needs an account was read without one")
    except (urllib.error.HTTPError, PermissionError) as refused:
        assert "401" in str(refused) or "authentication" in str(refused), refused
problem = requests.get(csv)
assert problem.status_code == 401 and problem.headers["Content-Type"] == "application/problem+json"
assert "API token" in problem.json()["detail"], problem.json()

bearer = {"Authorization": f"Bearer {told['token']}"}
frame = pandas.read_csv(csv, storage_options=bearer)
right(len(frame), frame["seconds"].sum())
basic = requests.get(parquet, auth=(told["username"], told["token"]))
frame = polars.read_parquet(io.BytesIO(basic.content))
right(frame.height, frame["seconds"].sum())
assert requests.get(csv, auth=("someone-else", told["token"])).status_code == 401
duck.sql(f"CREATE SECRET paddock (TYPE http, BEARER_TOKEN '{told['token']}', SCOPE '{told['base']}')")
right(*duck.sql(f"SELECT count(*), sum(seconds)::DOUBLE FROM read_parquet('{parquet}')").fetchone())
