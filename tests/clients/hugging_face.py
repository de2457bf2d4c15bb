"""huggingface_hub and datasets find, download and stream a release, with HF_ENDPOINT set by the caller."""

import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys

import pandas
from datasets import load_dataset
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

told = json.load(open(sys.argv[1]))
assert os.environ["HF_ENDPOINT"] == told["base"]
repository = f"{told['owner']}/{told['slug']}"
split = f"{told['owner']}/{told['split_slug']}"
gated = f"{told['owner']}/{told['gated_slug']}"
api = HfApi()


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def refused(error, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except error as told_so:
        return told_so
    raise SystemExit(f"{call.__name__}{arguments} was not refused")


# What it is.
info = api.dataset_info(repository)
assert info.id == repository and info.author == told["owner"] and not info.private, info
assert {file.rfilename for file in info.siblings} == {"README.md", "data.csv", "data.parquet"}, info.siblings
refs = api.list_repo_refs(repository, repo_type="dataset")
assert [branch.name for branch in refs.branches] == ["main"] and refs.branches[0].target_commit == info.sha
assert [tag.name for tag in refs.tags] == ["v2", "v1"], refs.tags
first = refs.tags[1].target_commit
assert len(first) == 40 and first != info.sha

# One file, by each way to name a release.
for revision, version in [("main", 2), ("v1", 1), ("1", 1), (first, 1), (None, 2)]:
    path = hf_hub_download(repository, "data.parquet", repo_type="dataset", revision=revision)
    assert sha256(path) == told["sha256"][str(version)]["data.parquet"], revision

# All of them, with the hashes that the listing tells.
folder = pathlib.Path(snapshot_download(repository, repo_type="dataset", revision="v1"))
assert folder.name == first, folder
assert sorted(path.name for path in folder.iterdir()) == ["README.md", "data.csv", "data.parquet"]
for file in api.list_repo_tree(repository, repo_type="dataset", revision="v1", expand=True):
    if file.lfs is not None:
        assert sha256(folder / file.path) == file.lfs.sha256 == told["sha256"]["1"][file.path]
    assert file.size == (folder / file.path).stat().st_size, file
    assert file.last_commit.oid == first, file
card = (folder / "README.md").read_text()
assert card.startswith("---\n") and "license: \"cc-by-4.0\"" in card and "# The data" in card, card
paths = api.get_paths_info(repository, ["data.csv", "none.csv"], repo_type="dataset", revision="v1")
assert [path.path for path in paths] == ["data.csv"], paths

# As tables: downloaded, and streamed by ranges.
laps = load_dataset(repository, split="train", revision="v1")
assert laps.num_rows == told["rows"], laps
assert math.isclose(sum(laps["seconds"]), told["seconds"], rel_tol=1e-12)
assert laps[0]["start_number"] == "007" and laps[0]["day"].isoformat()[:10] == "2026-05-31", laps[0]
assert sum(value is None for value in laps["pit_seconds"]) == told["missing"]
streamed = list(load_dataset(repository, split="train", revision="v1", streaming=True))
assert len(streamed) == told["rows"] and streamed[0] == laps[0], streamed[0]

# A test table lacks its target, so it is a configuration of its own.
train = load_dataset(split)["train"]
test = load_dataset(split, "test", split="test")
assert train.num_rows + test.num_rows == told["rows"], (train, test)
assert "seconds" in train.column_names and "seconds" not in test.column_names

# As a file system, which pandas and others read by `hf://`.
files = HfFileSystem(endpoint=told["base"])
assert sorted(files.glob(f"datasets/{repository}/*.csv")) == [f"datasets/{repository}/data.csv"]
frame = pandas.read_parquet(f"hf://datasets/{repository}@{first}/data.parquet")
assert len(frame) == told["rows"], len(frame)

# From the command line.
command = [str(pathlib.Path(sys.executable).parent / "hf"), "download", repository, "data.csv"]
ran = subprocess.run(
    [*command, "--repo-type", "dataset", "--local-dir", "downloaded"], capture_output=True, text=True
)
assert ran.returncode == 0, ran.stdout + ran.stderr
assert sha256("downloaded/data.csv") == told["sha256"]["2"]["data.csv"]

# Every refusal is the one that clients know how to explain.
refused(RepositoryNotFoundError, api.dataset_info, f"{told['owner']}/none")
refused(RepositoryNotFoundError, hf_hub_download, f"someone-else/{told['slug']}", "data.csv", repo_type="dataset")
for revision in ["v3", "0" * 40, "refs/convert/parquet"]:
    refused(RevisionNotFoundError, api.dataset_info, repository, revision=revision)
refused(EntryNotFoundError, hf_hub_download, repository, "none.csv", repo_type="dataset")

# A dataset for people with an account: everybody may read about it, its files take a token.
assert api.dataset_info(gated).gated == "auto"
hf_hub_download(gated, "README.md", repo_type="dataset")
refusal = refused(GatedRepoError, hf_hub_download, gated, "data.csv", repo_type="dataset")
assert "account" in str(refusal), refusal
token = told["token"]
assert api.whoami(token=token)["name"] == told["username"]
path = hf_hub_download(gated, "data.csv", repo_type="dataset", token=token)
assert sha256(path) == told["gated_sha256"]["data.csv"]
assert load_dataset(gated, split="train", token=token).num_rows == told["rows"]
streamed = load_dataset(gated, split="train", token=token, streaming=True)
assert sum(1 for _ in streamed) == told["rows"]
