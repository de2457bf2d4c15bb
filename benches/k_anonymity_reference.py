"""Anonymizes the Adult census with ANJANA, beside `cargo bench --bench k_anonymity`.

    pip install -r tests/oracle/anonymity-requirements.txt
    k_anonymity_reference.py DIRECTORY [SUPPRESSION_LIMIT ...]

DIRECTORY holds adult.csv and adult-hierarchies. k is 5. Prints for each limit (shares; 0 and 0.05 where none is
named) the normalised certainty penalty, the rows suppressed, and the seconds without imports and reading.
"""

import contextlib
import io
import sys
import time
from pathlib import Path

import pandas
from anjana.anonymity import k_anonymity

K = 5
SENSITIVE = "salary-class"


def main(directory: Path, limits: list[float]) -> None:
    table = pandas.read_csv(directory / "adult.csv", sep=";", dtype=str)
    columns = [name for name in table.columns if name != SENSITIVE]
    levels = {}
    for name in columns:
        path = directory / "adult-hierarchies" / f"adult_hierarchy_{name}.csv"
        levels[name] = pandas.read_csv(path, sep=";", header=None, dtype=str)
    for limit in limits:
        hierarchies = {name: {level: rows[level].values for level in rows} for name, rows in levels.items()}
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            release = k_anonymity(table, [], list(columns), K, limit * 100, hierarchies)
        seconds = time.perf_counter() - started
        suppressed = len(table) - len(release)
        lost = suppressed * len(columns)
        for name in columns:
            lost += release[name].map(losses(levels[name])).sum()
        penalty = lost / (len(table) * len(columns))
        print(f"limit {limit}: NCP {penalty:.4f}, {suppressed} rows suppressed, {seconds:.2f} s")


def losses(rows: pandas.DataFrame) -> dict[str, float]:
    """What publishing each label of a hierarchy loses."""
    lost = {}
    for level in rows:
        for label, leaves in rows[level].value_counts().items():
            # A label at two levels is the same in these hierarchies, as in `Other` of the races.
            lost[label] = (leaves - 1) / (len(rows) - 1)
    return lost


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(limit) for limit in sys.argv[2:]] or [0.0, 0.05])
