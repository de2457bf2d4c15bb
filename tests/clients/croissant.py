"""mlcroissant validates the document without a warning and streams its records."""

import json
import math
import os
import pathlib
import subprocess
import sys

import mlcroissant as mlc
import requests

told = json.load(open(sys.argv[1]))


def address(slug):
    return f"{told['base']}/datasets/{slug}/croissant.json?version=1"


def complaints(place):
    """What the validator warns of, line by line; it must pass."""
    command = [str(pathlib.Path(sys.executable).parent / "mlcroissant"), "validate", "--jsonld", place]
    ran = subprocess.run(command, capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0 and "Done." in said, said
    # Every line of its log begins with the level: I is information.
    return [line for line in said.splitlines() if line[:1] in "WEF" or "warning" in line.lower()]


for slug in [told["slug"], told["split_slug"], told["gated_slug"]]:
    assert complaints(address(slug)) == [], complaints(address(slug))

# A document that lacks something is complained of, so silence means something.
lacking = requests.get(address(told["slug"])).json()
del lacking["citeAs"]
json.dump(lacking, open("lacking.json", "w"))
assert complaints("lacking.json") != []

dataset = mlc.Dataset(address(told["slug"]))
metadata = dataset.metadata
assert metadata.name == told["title"], metadata.name
assert metadata.version == "1.0.0", metadata.version
assert metadata.license == ["https://spdx.org/licenses/CC-BY-4.0"], metadata.license
assert metadata.cite_as == told["citation"], metadata.cite_as
assert metadata.date_published.date().isoformat() == "2026-06-01", metadata.date_published
assert metadata.same_as == ["https://doi.org/10.5281/zenodo.1234"], metadata.same_as

for record_set in ["data", "data_csv"]:
    records = list(dataset.records(record_set))
    assert len(records) == told["rows"], len(records)
    field = lambda record, name: record[f"{record_set}/{name}"]
    total = sum(field(record, "seconds") for record in records)
    assert math.isclose(total, told["seconds"], rel_tol=1e-12), total
    first = records[0]
    assert field(first, "day").date().isoformat() == "2026-05-31", first
    assert field(first, "wet") in (True, False), first
    assert field(first, "driver").startswith(b"D-"), first
    # A missing value is missing, not zero.
    values = [field(record, "pit_seconds") for record in records]
    missing = sum(value is None or math.isnan(value) for value in values)
    assert missing == told["missing"], missing
    # CSV readers guess types: only Parquet keeps what looks like a number and is a name.
    starting = field(first, "start_number")
    assert starting == b"007" or record_set == "data_csv", starting

fields = {field.name: field for field in metadata.record_sets[0].fields}
assert fields["seconds"].description == "Time of the lap (unit: s)", fields["seconds"].description

# A table without its target is a record set of its own.
split = mlc.Dataset(address(told["split_slug"]))
names = sorted(record_set.name for record_set in split.metadata.record_sets)
assert names == ["test", "test_csv", "train", "train_csv"], names
test = list(split.records("test"))
assert test and "test/seconds" not in test[0] and "test/id" in test[0], test[:1]

# Files of a dataset for people with an account take Basic auth, the only one that this client can send.
try:
    list(mlc.Dataset(address(told["gated_slug"])).records("data"))
    raise SystemExit("a file that needs an account was downloaded without one")
except Exception as refused:
    assert "401" in repr(refused) or "401" in repr(refused.__cause__), repr(refused)
os.environ["CROISSANT_BASIC_AUTH_USERNAME"] = told["username"]
os.environ["CROISSANT_BASIC_AUTH_PASSWORD"] = told["token"]
assert len(list(mlc.Dataset(address(told["gated_slug"])).records("data"))) == told["rows"]
