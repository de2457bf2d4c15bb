"""A baseline for the challenge `held-out-laps`, made and scored with scikit-learn.

    baseline.py predict TRAIN.csv TEST.csv PREDICTIONS.csv
    baseline.py score SOLUTION.csv PREDICTIONS.csv

Needs tests/oracle/requirements.txt.
"""

import csv
import json
import sys

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

FEATURES = ["event", "driver"]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def predict(train_path, test_path, predictions_path):
    train, test = read(train_path), read(test_path)
    times = np.array([float(row["lap_time"]) for row in train])
    features = np.array([[row[name] for name in FEATURES] for row in train])
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge(alpha=3.0))
    model.fit(features, times)
    predicted = model.predict([[row[name] for name in FEATURES] for row in test])
    with open(predictions_path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "lap_time"])
        for row, value in zip(test, predicted):
            writer.writerow([row["id"], repr(float(value))])
    print(f"{model} on {len(times)} laps")


def score(solution_path, predictions_path):
    predicted = {row["id"]: float(row["lap_time"]) for row in read(predictions_path)}
    solution = read(solution_path)
    scores = {}
    for split in ["public", "private"]:
        rows = [row for row in solution if row["split"] == split]
        truth = [float(row["lap_time"]) for row in rows]
        scores[split] = mean_absolute_error(truth, [predicted[row["id"]] for row in rows])
    print(json.dumps(scores))


if __name__ == "__main__":
    command, *paths = sys.argv[1:]
    {"predict": predict, "score": score}[command](*paths)
