"""A baseline for "{{ title }}" with the standard library only: it looks at no feature.

Run as: python3 main.py FEATURES OUTPUT

Replace what predict() does. Train at home; put your trained model beside this file and open it as model.json is
opened here. In the sandbox there is no network, and only /tmp and the output can be written.
"""

import csv
import json
import sys
from pathlib import Path

ID = {{ id }}
COLUMNS = {{ columns }}
HERE = Path(__file__).resolve().parent


def predict(row, place, constants):
    """The predictions of one row: `row` has its features by column, as text."""
{%- if varied %}
    # The metric ranks: predictions that are all alike would have no score.
    return [constants[column] + place if isinstance(constants[column], float) else constants[column] for column in COLUMNS]
{%- else %}
    return [constants[column] for column in COLUMNS]
{%- endif %}


def main(features, output):
    constants = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
{%- if features_are_parquet %}
    import pandas  # Features in Parquet need the runtime's packages.

    rows = pandas.read_parquet(features).to_dict("records")
{%- else %}
    with open(features, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
{%- endif %}
    with open(output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([ID, *COLUMNS])
        for place, row in enumerate(rows):
            writer.writerow([row[ID], *predict(row, place, constants)])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python3 main.py FEATURES OUTPUT")
    main(sys.argv[1], sys.argv[2])
