#!/usr/bin/env python3
"""Writes the case that the attribute inference attack is checked against.

    python3 -m venv venv && venv/bin/pip install -r tests/oracle/anonymeter-requirements.txt
    venv/bin/python tests/oracle/make_anonymeter_oracle.py tests/oracle/anonymeter.json

Tables of numbers without ties, so that "the nearest row" is one row, a category, and two secrets; and what
Anonymeter's InferenceEvaluator finds when it attacks every row.
"""

import json
import sys

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator

SEED = 20261122
ROWS = 150
KNOWN = ["age", "weight", "class"]


def people(rng):
    age = rng.uniform(8, 60, ROWS).round(4)
    weight = (30 + age + rng.normal(0, 8, ROWS)).round(4)
    kart_class = rng.integers(0, 4, ROWS)
    engine = np.where(rng.random(ROWS) < 0.6, kart_class, rng.integers(0, 4, ROWS))
    pace = (40 + 30 * rng.random(ROWS) + age / 10).round(4)
    return pd.DataFrame(
        {"age": age, "weight": weight, "class": kart_class.astype(str), "engine": engine.astype(str), "pace": pace}
    )


def main():
    rng = np.random.default_rng(SEED)
    original, control = people(rng), people(rng)
    released = original.copy()
    released["age"] = (released["age"] + rng.normal(0, 1.5, ROWS)).round(4)
    released["weight"] = (released["weight"] + rng.normal(0, 3, ROWS)).round(4)
    cases = []
    for secret, regression in [("engine", False), ("pace", True)]:
        evaluator = InferenceEvaluator(
            ori=original, syn=released, control=control, aux_cols=KNOWN, secret=secret, regression=regression,
            n_attacks=ROWS,
        )
        evaluator.evaluate(n_jobs=1)
        results = evaluator.results(confidence_level=0.95)
        risk = evaluator.risk(confidence_level=0.95)
        cases.append({
            "secret": secret,
            "attack": int(results.n_success),
            "control": int(results.n_control),
            "risk": risk.value,
            "interval": list(risk.ci),
        })
    tables = {"released": released, "original": original, "control": control}
    written = {
        name: {column: [int(v) if column in ("class", "engine") else v for v in table[column]] for column in table}
        for name, table in tables.items()
    }
    with open(sys.argv[1], "w") as file:
        json.dump({"cases": cases, "tables": written}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
