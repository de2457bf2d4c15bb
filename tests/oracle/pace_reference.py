"""The pace model of `paddock talent fit` against two independent fits of the same mixed model.

Makes small seasons, lets the program fit them, and fits them again:

- by a restricted likelihood written down as in the textbook, with the dense covariance matrix of all laps
  (numpy) and a general optimizer (scipy): standard deviations, best linear unbiased predictions and their
  prediction error variances;
- by the mixed model of statsmodels, whose crossed effects are variance components of one large group:
  standard deviations and predictions, of dry laps.

Exits with an error that names every number that differs. Usage:

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/pace_reference.py target/debug/paddock
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.optimize
import scipy.stats
import statsmodels.formula.api as smf

# Standard deviations agree to one per cent, paces to a thousandth of one per cent of lap time.
RELATIVE = 0.01
ABSOLUTE = 1e-5

# What the laps are made with, as fractions of lap time.
MADE_WITH = {"driver": 0.008, "kart": 0.005, "driver_event": 0.004, "stint": 0.004, "residual": 0.006, "wet": 0.007}


def season(seed, drivers, events, wet_events, stints):
    """A small season of unequal stints: two groups take turns in the same karts, some drivers miss an event."""
    rng = np.random.default_rng(seed)

    def draw(component, size=None):
        return MADE_WITH[component] * rng.standard_normal(size)

    pace, wet_pace = draw("driver", drivers), draw("wet", drivers)
    rows = []
    for event in range(events):
        wet = event < wet_events
        order = [int(driver) for driver in rng.permutation(drivers) if rng.random() > 0.1]
        karts = draw("kart", (len(order) + 1) // 2)
        form = draw("driver_event", drivers)
        level = np.log(45 + 5 * event) + (0.3 if wet else 0.0)
        for stint in range(stints):
            for group in range(2):
                hour = 0.003 * rng.standard_normal()
                for kart, driver in enumerate(order[group::2]):
                    mean = level + hour + pace[driver] + form[driver] + karts[kart] + draw("stint")
                    mean += wet_pace[driver] if wet else 0.0
                    for lap in range(int(rng.integers(3, 9))):
                        seconds = np.exp(mean + draw("residual"))
                        rows.append((f"E{event}", f"Race {stint}{'AB'[group]}", str(wet).lower(), f"D{driver:02}",
                                     f"{kart + 1}", f"{stint + 1}", lap + 1, "false", seconds))
    names = ["event", "session", "wet", "driver_id", "kart", "stint", "lap", "out_lap", "lap_time"]
    return pd.DataFrame(rows, columns=names)


def ours(program, laps):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "laps.csv"
        laps.to_csv(path, index=False, float_format="%.17g")
        output = subprocess.run([program, "talent", "fit", "--json", path], check=True, capture_output=True)
    return json.loads(output.stdout)


def terms(laps):
    """For each effect, the group that each lap is in; the wet deviation has none in the dry."""
    def joined(*columns):
        return laps[list(columns)].astype(str).agg("/".join, axis=1)

    effects = {
        "driver": laps["driver_id"],
        "kart": joined("event", "kart"),
        "driver_event": joined("event", "driver_id"),
        "stint": joined("event", "session", "driver_id", "kart", "stint"),
    }
    if laps["wet"].nunique() > 1:
        effects["wet"] = laps["driver_id"].where(laps["wet"] == "true")
    return effects, joined("event", "session", "wet")


def dense_fit(laps):
    """Restricted maximum likelihood with the covariance matrix of all laps."""
    y = np.log(laps["lap_time"].to_numpy())
    effects, sessions = terms(laps)
    designs = {name: pd.get_dummies(groups, dtype=float) for name, groups in effects.items()}
    fixed = pd.get_dummies(sessions, dtype=float).to_numpy()
    squares = {name: design.to_numpy() @ design.to_numpy().T for name, design in designs.items()}
    names = [*squares, "residual"]

    def parts(logs):
        deviations = dict(zip(names, np.exp(logs)))
        covariance = deviations["residual"] ** 2 * np.eye(len(y))
        for name, square in squares.items():
            covariance += deviations[name] ** 2 * square
        factor = scipy.linalg.cho_factor(covariance, lower=True)
        inverse_fixed = scipy.linalg.cho_solve(factor, fixed)
        information = fixed.T @ inverse_fixed
        coefficients = np.linalg.solve(information, inverse_fixed.T @ y)
        weighted = scipy.linalg.cho_solve(factor, y - fixed @ coefficients)
        return deviations, factor, inverse_fixed, information, weighted

    def deviance(logs):
        _, factor, _, information, weighted = parts(logs)
        return 2 * np.log(np.diag(factor[0])).sum() + np.linalg.slogdet(information)[1] + y @ weighted

    start = np.log([0.005] * len(names))
    found = scipy.optimize.minimize(deviance, start, method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-6})
    found = scipy.optimize.minimize(deviance, found.x, method="Nelder-Mead",
                                    options={"xatol": 1e-5, "fatol": 1e-9, "initial_simplex": np.vstack(
                                        [found.x, found.x + 0.02 * np.eye(len(names))])})
    deviations, factor, inverse_fixed, information, weighted = parts(found.x)

    def predicted(name):
        design = designs[name].to_numpy()
        variance = deviations[name] ** 2
        solved = scipy.linalg.cho_solve(factor, design)
        crossed = inverse_fixed.T @ design
        projected = design.T @ solved - crossed.T @ np.linalg.solve(information, crossed)
        errors = variance - variance**2 * np.diag(projected)
        values = variance * design.T @ weighted
        return {driver: (value, np.sqrt(error)) for driver, value, error in
                zip(designs[name].columns, values, errors)}

    return deviations, predicted


def statsmodels_fit(laps):
    """The same model with the variance components of statsmodels."""
    effects, sessions = terms(laps)
    table = pd.DataFrame({"y": np.log(laps["lap_time"]) / 0.005, "fixed": sessions, "one": 1, **effects})
    components = {name: f"0 + C({name})" for name in effects}
    model = smf.mixedlm("y ~ 0 + C(fixed)", table, groups="one", re_formula="0", vc_formula=components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(reml=True, method="lbfgs")
    # The components stand in the order of their names.
    found = dict(zip(model.exog_vc.names, 0.005 * np.sqrt(fit.vcomp)))
    found["residual"] = 0.005 * np.sqrt(fit.scale)
    label = "driver[C(driver)["
    paces = {name[len(label):-2]: 0.005 * value for name, value in fit.random_effects[1].items()
             if name.startswith(label)}
    return found, paces


class Comparison:
    def __init__(self):
        self.compared, self.differences = 0, []

    def close(self, what, value, expected, tolerance):
        self.compared += 1
        if not abs(value - expected) <= tolerance:
            self.differences.append(f"{what}: {value}, the reference says {expected}")


def compare(comparison, name, program, laps, with_statsmodels):
    fit = ours(program, laps)
    deviations, predicted = dense_fit(laps)
    drivers = {driver["id"]: driver for driver in fit["drivers"]}
    counts = laps["driver_id"].value_counts()
    for component, deviation in deviations.items():
        comparison.close(f"{name}, {component}", fit["standard_deviations"][component], deviation,
                         max(RELATIVE * deviation, ABSOLUTE))
    width = scipy.stats.t.ppf(0.975, len(drivers) - 1)
    kinds = {"driver": lambda driver: (driver["pace"], driver["low"], driver["high"])}
    if "wet" in deviations:
        kinds["wet"] = lambda driver: tuple(driver["wet"][part] for part in ("value", "low", "high"))
    for kind, told in kinds.items():
        for driver, (value, error) in predicted(kind).items():
            expected = np.expm1([value, value - width * error, value + width * error])
            for part, found, wanted in zip(("value", "low", "high"), told(drivers[driver]), expected):
                comparison.close(f"{name}, {kind} {driver}, {part}", found, wanted, ABSOLUTE)
    for driver, count in counts.items():
        comparison.close(f"{name}, laps of {driver}", drivers[driver]["laps"], int(count), 0)
    if with_statsmodels:
        theirs, paces = statsmodels_fit(laps)
        for component, deviation in theirs.items():
            comparison.close(f"{name}, {component} of statsmodels", fit["standard_deviations"][component],
                             deviation, max(RELATIVE * deviation, ABSOLUTE))
        if set(paces) != set(drivers):
            comparison.differences.append(f"{name}: statsmodels rates {sorted(paces)}")
        for driver, value in paces.items():
            comparison.close(f"{name}, driver {driver} of statsmodels", drivers[driver]["pace"], np.expm1(value),
                             ABSOLUTE)


def main():
    program = sys.argv[1]
    comparison = Comparison()
    compare(comparison, "dry season", program, season(1, drivers=12, events=4, wet_events=0, stints=2), True)
    compare(comparison, "season with rain", program, season(4, drivers=10, events=5, wet_events=2, stints=2), False)
    for difference in comparison.differences:
        print(difference, file=sys.stderr)
    if comparison.differences:
        sys.exit(f"{len(comparison.differences)} of {comparison.compared} numbers differ")
    print(f"{comparison.compared} numbers agree")


if __name__ == "__main__":
    main()
