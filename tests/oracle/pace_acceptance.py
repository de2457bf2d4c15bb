"""Whether the pace model finds the truth again, in championships whose truth is known.

Simulates championships with the program, lets it rate their drivers, and compares with the hidden solution, as
anyone could. Exits with an error that names what was missed. Usage:

    python tests/oracle/pace_acceptance.py target/release/paddock [CHAMPIONSHIPS]

What is asked of default championships (34 drivers, 9 events, two of them wet, two stints an event):

- Of the drivers' true paces 93 to 97 % lie in their 95 % intervals. The program rates a driver against the mean
  driver of the table, so the truth is told from the mean of the field as well.
- The rank correlation of rated with true paces is 0.9 or more in the mean.
- The standard deviations are within 15 % of what was simulated, in the mean variance of all championships. One
  championship alone cannot tell all of them: a standard deviation that rests on so many degrees of freedom has a
  relative error of 1/sqrt(2 * degrees), so that the 34 drivers alone are uncertain by 12 % (driver, wet and
  residual are therefore compared with what was drawn). The form of a driver at an event, 0.15 %, hides under
  stints of 0.55 %: by its two stints, a variance of 0.0225 is told with an error of 0.025, and 17 % of
  championships get within 15 %.

In championships of 60 drivers, 18 events and six stints an event that error is 7 %, and there every standard
deviation of every championship is asked to be within 15 %, but for the wet ones, which rest on few events: those
in the mean variance.
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import scipy.stats

# What the simulator draws with, as fractions of lap time.
KART, DRIVER_EVENT, STINT = 0.0045, 0.0015, 0.0055
WITHIN = 0.15
LARGE = ["--drivers", "60", "--events", "18", "--stints", "6"]


class Championship:
    def __init__(self, program, seed, *options):
        with tempfile.TemporaryDirectory() as folder:
            season = Path(folder) / "season"
            subprocess.run([program, "simulate", "--seed", str(seed), "--output", season, *options],
                           check=True, capture_output=True)
            fit = subprocess.run([program, "talent", "fit", "--json", season / "laps.csv"],
                                 check=True, capture_output=True)
            with open(season / "truth.csv", encoding="utf-8") as truth:
                self.truth = {row["driver_id"]: row for row in csv.DictReader(truth)}
        self.fit = json.loads(fit.stdout)

    def true(self, name):
        return {driver: float(row[name]) for driver, row in self.truth.items()}

    def variance_ratios(self):
        """Of each component, what was found to what was simulated."""
        found = self.fit["standard_deviations"]
        variations = self.true("variation").values()
        simulated = {
            "driver": statistics.variance(self.true("pace").values()),
            "wet": statistics.variance(self.true("wet").values()),
            "kart": KART**2,
            "driver_event": DRIVER_EVENT**2,
            "stint": STINT**2,
            "residual": statistics.fmean(variation**2 for variation in variations),
        }
        return {component: found[component] ** 2 / variance for component, variance in simulated.items()}

    def drivers_covered(self):
        """Of all drivers, how many have their true pace in their interval."""
        paces = self.true("pace")
        mean = statistics.fmean(paces.values())
        drivers = self.fit["drivers"]
        covered = sum(driver["low"] <= paces[driver["id"]] - mean <= driver["high"] for driver in drivers)
        return covered, len(drivers)

    def agreement(self):
        paces = self.true("pace")
        rated = [driver["pace"] for driver in self.fit["drivers"]]
        true = [paces[driver["id"]] for driver in self.fit["drivers"]]
        return scipy.stats.spearmanr(rated, true).statistic


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    missed = []

    def expect(what, value, low, high):
        print(f"{what}: {value:.3f}")
        if not low <= value <= high:
            missed.append(f"{what} is {value:.3f}, not {low} to {high}")

    default = [Championship(program, seed) for seed in range(1, count + 1)]
    covered, drivers = map(sum, zip(*(championship.drivers_covered() for championship in default)))
    expect(f"true paces in their intervals, {count} championships", covered / drivers, 0.93, 0.97)
    agreements = [championship.agreement() for championship in default]
    expect("mean rank correlation of pace with truth", statistics.fmean(agreements), 0.9, 1.0)
    large = [Championship(program, seed, *LARGE) for seed in range(1, 7)]
    for size, championships in (("default", default), ("large", large)):
        ratios = [championship.variance_ratios() for championship in championships]
        for component in ratios[0]:
            mean = statistics.fmean(ratio[component] for ratio in ratios) ** 0.5
            expect(f"{component} of {size} championships", mean, 1 - WITHIN, 1 + WITHIN)
    for seed, championship in enumerate(large, 1):
        for component, ratio in championship.variance_ratios().items():
            if component != "wet":
                expect(f"{component} of large championship {seed}", ratio**0.5, 1 - WITHIN, 1 + WITHIN)
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
