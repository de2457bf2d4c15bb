"""Refuses dependencies whose licence we have not agreed to, from what cargo has on disk: runs offline."""

import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "OpenSSL", "PostgreSQL",
    "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip


def allowed(expression: str) -> bool:
    """Whether some choice of an SPDX expression is allowed: OR takes one side, AND takes both."""
    expression = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    # Join `X WITH Y` to one licence.
    words: list[str] = []
    for token in tokens:
        if words and (words[-1].endswith(" WITH") or token == "WITH"):
            words[-1] += f" {token}"
        else:
            words.append(token)

    def either(at: int) -> tuple[bool, int]:
        value, at = both(at)
        while at < len(words) and words[at] == "OR":
            other, at = both(at + 1)
            value = value or other
        return value, at

    def both(at: int) -> tuple[bool, int]:
        value, at = one(at)
        while at < len(words) and words[at] == "AND":
            other, at = one(at + 1)
            value = value and other
        return value, at

    def one(at: int) -> tuple[bool, int]:
        if words[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        return words[at] in ALLOWED, at + 1

    return either(0)[0]


metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--locked", "--format-version", "1"])
)
refused = [
    f"{package['name']} {package['version']}: {package.get('license') or 'no licence named'}"
    for package in metadata["packages"]
    if not allowed(package.get("license") or "none")
]
print(f"{len(metadata['packages'])} packages, {len(refused)} refused")
for line in refused:
    print(line, file=sys.stderr)
sys.exit(bool(refused))
