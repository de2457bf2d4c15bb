"""frictionless validates the package over HTTP: schema, types, size and hash of every file."""

import decimal
import json
import math
import pathlib
import subprocess
import sys

import requests
from frictionless import Package, validate

told = json.load(open(sys.argv[1]))


def address(slug):
    return f"{told['base']}/datasets/{slug}/datapackage.json?version=1"


for slug in [told["slug"], told["split_slug"]]:
    command = [str(pathlib.Path(sys.executable).parent / "frictionless"), "validate", address(slug), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    assert report["valid"] and not report["warnings"], report
    assert {task["valid"] for task in report["tasks"]} == {True}, report

package = Package(address(told["slug"]))
assert package.version == "1.0.0" and package.title == told["title"]
assert package.licenses[0]["name"] == "CC-BY-4.0", package.licenses
table = package.get_resource("data")
rows = table.read_rows()
assert len(rows) == told["rows"], len(rows)
total = float(sum(decimal.Decimal(row["seconds"]) for row in rows))
assert math.isclose(total, told["seconds"], rel_tol=1e-12), total
assert rows[0]["start_number"] == "007" and rows[0]["wet"] in (True, False), rows[0]
assert rows[0]["day"].isoformat() == "2026-05-31", rows[0]
assert sum(row["pit_seconds"] is None for row in rows) == told["missing"]
seconds = table.schema.get_field("seconds")
assert seconds.description == "Time of the lap" and seconds.custom["unit"] == "s", seconds

# The rows of a challenge's test table are told apart by their id.
test = Package(address(told["split_slug"])).get_resource("test")
assert test.schema.primary_key == ["id"], test.schema.primary_key

# Validation does look at the bytes: a package that claims another hash fails.
descriptor = requests.get(address(told["slug"])).json()
for resource in descriptor["resources"]:
    resource["hash"] = "sha256:" + "0" * 64
report = validate(descriptor)
assert not report.valid
assert {error[0] for error in report.flatten(["type"])} == {"hash-count"}, report.flatten(["name", "type", "note"])
