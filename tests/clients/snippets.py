"""Every snippet of a dataset's page does what it says: read from the page's HTML, run as it stands."""

import html.parser
import json
import subprocess
import sys

import duckdb

import httpfs

told = json.load(open(sys.argv[1]))


class Snippets(html.parser.HTMLParser):
    """The code blocks of a page by their labels."""

    def __init__(self):
        super().__init__()
        self.found = {}
        self.label = None

    def handle_starttag(self, tag, attributes):
        if tag == "pre":
            self.label = dict(attributes).get("aria-label")

    def handle_endtag(self, tag):
        if tag == "pre":
            self.label = None

    def handle_data(self, text):
        if self.label:
            self.found[self.label] = self.found.get(self.label, "") + text


def run(command):
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else ""


def rows(label, code):
    if label == "curl":
        run(["bash", "-c", code])
        name = code.split("--output ")[1].split()[0]
        return len(open(name).read().splitlines()) - 1
    if label == "DuckDB":
        httpfs.load()
        return len(duckdb.sql(code).fetchall())
    return int(run([sys.executable, "-c", f"{code}\nprint(len({told['table']}))"]))


snippets = Snippets()
snippets.feed(open(told["page"]).read())
labels = ["pandas", "Polars", "DuckDB", "Hugging Face datasets", "Croissant", "curl"]
for label in labels:
    code = snippets.found[label]
    # What a reader fills in.
    code = code.replace("pdk_…", told["token"]).replace("your user name", told["username"])
    assert rows(label, code) == told["rows"], label
