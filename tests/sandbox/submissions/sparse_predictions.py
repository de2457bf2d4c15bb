"""Predictions of a terabyte that take no space."""

from attempts import OUTPUT, attempt, json, noted

with open(OUTPUT, "wb") as predictions:
    attempt("truncate to a terabyte", predictions.truncate, 1 << 40)
print("ATTEMPTS " + json.dumps(noted))
