#!/usr/bin/env python3
"""Writes the cases that tests/metrics_oracle.rs checks our metrics against.

    python3 -m venv venv && venv/bin/pip install -r tests/oracle/requirements.txt
    venv/bin/python tests/oracle/make_metrics_oracle.py OUTPUT [--large]

Each case is a metric, a truth, predictions and the score that scikit-learn or SciPy gives for them, or
"undefined". Where neither has the metric, the score is computed here from the definition, in the most literal
and slowest way; each case names its source. The cases are drawn from a fixed seed. tests/oracle/metrics.json
is made without --large, which adds cases of thousands of rows.
"""

import argparse
import itertools
import json
import math
import warnings

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

SEED = 20261122
UNDEFINED = "undefined"
CASES = []


def add(metric, name, source, score, target, predictions, group=None, event=None):
    """Adds a case; `score` is a number or a function whose failure or non-finite result means undefined."""
    if callable(score):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                score = score()
            except ValueError:
                score = UNDEFINED
    if score != UNDEFINED:
        score = float(score)
        if not math.isfinite(score):
            score = UNDEFINED
    CASES.append(
        {
            "metric": metric,
            "name": name,
            "source": source,
            "target": column(target, float),
            "group": None if group is None else column(group, int),
            "event": None if event is None else column(event, bool),
            "predictions": [column(prediction, float) for prediction in predictions],
            "expected": score if score == UNDEFINED else repr(score),
        }
    )


def column(values, kind):
    """The values as text: not every JSON reader rounds numbers to the nearest double, and ties hang on the last
    bit."""
    return " ".join(repr(kind(value)).lower() for value in values)


# Numbers


def number_data(rng, large):
    """(name, truth, prediction) pairs of numbers."""
    n = 50
    truth = np.round(rng.normal(60, 5, n), 3)
    yield "lap times", truth, np.round(truth + rng.normal(0, 0.7, n), 3)
    yield "full precision", rng.normal(0, 1, 25), rng.normal(0, 1, 25)
    ties = rng.integers(0, 4, n)
    yield "heavy ties", ties, np.clip(ties + rng.integers(-1, 2, n), 0, 4)
    yield "ties against a continuous prediction", rng.integers(0, 3, n), np.round(rng.normal(0, 1, n), 2)
    yield "negative zeros", [0.0, -0.0, 1.0, -0.0, 0.0, 2.0], [-0.0, 0.0, 0.5, 0.5, -0.0, 0.5]
    yield "perfect", truth[:20], truth[:20]
    yield "reverse order", np.arange(12), -0.05 * np.arange(12)
    yield "constant prediction", truth[:15], np.full(15, 60.0)
    yield "constant truth", np.full(12, 0.1), np.round(rng.normal(0, 1, 12), 2)
    yield "constant truth, met", np.full(12, 0.1), np.full(12, 0.1)
    yield "one row", [3.5], [3.0]
    yield "two rows", [1.0, 2.0], [5.0, 2.5]
    yield "two rows, reversed", [1.0, 2.0], [2.0, 1.0]
    yield "three rows", [1.0, 2.0, 2.0], [1.5, 1.5, 2.5]
    yield "tiny values", [1e-300, 2e-300, 5e-300, 3e-300], [2e-300, 2e-300, 4e-300, 1e-300]
    yield "huge values", [1e300, 2e300, 5e300], [3e300, 1.5e300, 4e300]
    yield "a variance that overflows", [1e154, -1e154, 0.0], [0.0, -1e154, 0.0]
    yield "values of very different size", [1e-300, 1e-5, 1.0, 1e8, 1e150], [2e-300, 1e-6, 2.0, 1e9, 1e149]
    yield "small differences at a large offset", 1e6 + np.round(rng.normal(0, 0.01, 20), 4), 1e6 + np.round(
        rng.normal(0, 0.01, 20), 4
    )
    if large:
        n = 5000
        truth = rng.gamma(2, 30, n)
        yield "thousands of rows", truth, truth * rng.lognormal(0, 0.2, n)
        yield "thousands of tied rows", rng.integers(0, 50, n), rng.integers(0, 60, n)


def r2(truth, prediction):
    """scikit-learn's, except that a constant truth is told by comparing: the rounded mean of equal numbers
    would otherwise count as variance; and that a variance which underflows to 0 or overflows has no R²."""
    truth, prediction = np.asarray(truth, float), np.asarray(prediction, float)
    if len(truth) >= 2:
        if np.all(truth == truth[0]):
            return 1.0 if np.array_equal(truth, prediction) else 0.0
        variance = np.sum((truth - truth.mean()) ** 2)
        if variance == 0 or math.isinf(variance):
            return math.nan
    return metrics.r2_score(truth, prediction)


def numbers(rng, large):
    for name, truth, prediction in number_data(rng, large):
        sources = {
            "rmse": ("sklearn.metrics.root_mean_squared_error", metrics.root_mean_squared_error),
            "mae": ("sklearn.metrics.mean_absolute_error", metrics.mean_absolute_error),
            "mape": ("sklearn.metrics.mean_absolute_percentage_error", metrics.mean_absolute_percentage_error),
            "rmsle": ("sklearn.metrics.root_mean_squared_log_error", metrics.root_mean_squared_log_error),
            "r2": ("sklearn.metrics.r2_score, constant truth by comparison", r2),
            "spearman": ("scipy.stats.spearmanr", lambda a, b: stats.spearmanr(a, b).statistic),
            "kendall": ("scipy.stats.kendalltau, variant b", lambda a, b: stats.kendalltau(a, b).statistic),
        }
        for level in ["0.5", "0.9", "0.05"]:
            sources[f"pinball@{level}"] = (
                "sklearn.metrics.mean_pinball_loss",
                lambda a, b, level=level: metrics.mean_pinball_loss(a, b, alpha=float(level)),
            )
        for metric, (source, function) in sources.items():
            add(metric, name, source, lambda: function(truth, prediction), truth, [prediction])
    for value in [-1.0, -1.5]:
        for truth, prediction in [([1.0, 2.0], [value, 2.0]), ([value, 2.0], [1.0, 2.0])]:
            score = lambda: metrics.root_mean_squared_log_error(truth, prediction)  # noqa: E731
            add("rmsle", f"{value}", "sklearn.metrics.root_mean_squared_log_error", score, truth, [prediction])


# Binary truth with probabilities or scores


def binary_data(rng, large):
    """(name, truth, probability)."""
    n = 60
    truth = rng.integers(0, 2, n)
    yield "calibrated", truth, np.round(np.clip(0.3 * truth + 0.7 * rng.random(n), 0, 1), 3)
    yield "full precision", truth[:25], rng.random(25)
    yield "heavy ties", truth, rng.integers(0, 4, n) / 4
    yield "rare positives", (rng.random(n) < 0.05) | (np.arange(n) == 7), np.round(rng.random(n), 2)
    yield "exactly 0 and 1", truth, rng.integers(0, 2, n)
    yield "perfect", truth[:20], truth[:20]
    yield "all wrong", truth[:20], 1 - truth[:20]
    yield "constant prediction", truth[:20], np.full(20, 0.5)
    yield "constant 0", truth[:20], np.zeros(20)
    yield "zeros of both signs", [1, 0, 1, 0, 0], [0.0, -0.0, 0.5, -0.0, 0.5]
    yield "tiny probabilities", [1, 0, 1, 0, 0, 1], [1e-300, 2e-300, 1e-17, 1e-17, 0.0, 5e-324]
    yield "next to 1", [1, 0, 1, 0], [1 - 2**-53, 1 - 2**-53, 1 - 2**-52, 1.0]
    yield "no positive", np.zeros(8), np.round(rng.random(8), 2)
    yield "only positives", np.ones(8), np.round(rng.random(8), 2)
    yield "one row", [1], [0.7]
    yield "two rows", [0, 1], [0.2, 0.3]
    yield "two rows, reversed", [0, 1], [0.3, 0.2]
    yield "two rows, tied", [0, 1], [0.3, 0.3]
    yield "three rows", [0, 1, 1], [0.4, 0.4, 0.1]
    if large:
        n = 5000
        truth = rng.random(n) < 0.1
        yield "thousands of rows", truth, np.clip(0.1 * truth + rng.random(n) * 0.9, 0, 1)
        yield "thousands of tied rows", truth, rng.integers(0, 30, n) / 30


def roc_auc(truth, score):
    return metrics.roc_auc_score(truth, score) if len(np.unique(truth)) == 2 else math.nan


def average_precision(truth, score):
    """scikit-learn's, which answers 0 without a positive row, where we say undefined."""
    return metrics.average_precision_score(truth, score) if np.any(truth) else math.nan


def binary(rng, large):
    for name, truth, probability in binary_data(rng, large):
        truth = np.asarray(truth, int)
        probability = np.asarray(probability, float)
        auc = ("sklearn.metrics.roc_auc_score", lambda s: roc_auc(truth, s))
        precision = ("sklearn.metrics.average_precision_score", lambda s: average_precision(truth, s))
        sources = {
            "log_loss": ("sklearn.metrics.log_loss", lambda p: metrics.log_loss(truth, p, labels=[0, 1])),
            "brier": (
                "sklearn.metrics.brier_score_loss",
                lambda p: metrics.brier_score_loss(truth, p, pos_label=1, labels=[0, 1]),
            ),
            "roc_auc": auc,
            "average_precision": precision,
        }
        for metric, (source, function) in sources.items():
            add(metric, name, source, lambda: function(probability), truth, [probability])
    truth = rng.integers(0, 2, 30)
    for name, score in {
        "negative scores": np.round(rng.normal(0, 3, 30), 1),
        "huge scores": rng.integers(-3, 4, 30) * 1e300,
        "tiny scores": rng.integers(-3, 4, 30) * 1e-300,
    }.items():
        for metric, (source, function) in {"roc_auc": auc, "average_precision": precision}.items():
            add(metric, name, source, lambda: function(score), truth, [score])
    for metric, probability in itertools.product(["log_loss", "brier"], [1.5, -0.1]):
        add(metric, f"probability {probability}", "definition", UNDEFINED, [0, 1], [[probability, 0.5]])


def multiclass_log_loss(rng, large):
    def case(name, truth, rows, classes):
        score = lambda: metrics.log_loss(truth, rows, labels=list(range(classes)))  # noqa: E731
        add("multiclass_log_loss", name, "sklearn.metrics.log_loss", score, truth, np.asarray(rows, float).T)

    def softmax(rows):
        rows = np.exp(rows)
        return rows / rows.sum(axis=1, keepdims=True)

    for classes, n in [(2, 20), (3, 30), (5, 20), (12, 8)] + ([(7, 5000)] if large else []):
        case(f"{classes} classes", rng.integers(0, classes, n), softmax(rng.normal(0, 2, (n, classes))), classes)
    truth = rng.integers(0, 4, 15)
    case("exactly 0 and 1", truth, np.eye(4)[rng.integers(0, 4, 15)], 4)
    case("perfect", truth, np.eye(4)[truth], 4)
    case("all wrong", truth, np.eye(4)[(truth + 1) % 4], 4)
    case("constant prediction", truth, np.full((15, 4), 0.25), 4)
    case("one class", [2, 2, 2], softmax(rng.normal(0, 1, (3, 4))), 4)
    case("one row", [1], [[0.5, 0.25, 0.25]], 3)
    case("two rows", [1, 0], [[0.5, 0.5], [0.125, 0.875]], 2)
    case("tiny probabilities", [0, 1, 2], [[1e-300, 0.5, 0.5], [0.5, 1e-17, 0.5], [1.0, 0.0, 5e-324]], 3)
    columns = [[0.5, 1.0], [0.5, 1.0]]
    add("multiclass_log_loss", "certain of every class", "definition", UNDEFINED, [0, 1], columns)
    add("multiclass_log_loss", "class without a column", "definition", UNDEFINED, [0, 2], [[0.5] * 2] * 2)
    # Rounded to three digits: our convention divides each row by its sum first.
    rows = np.round(softmax(rng.normal(0, 1, (20, 5))), 3)
    truth = rng.integers(0, 5, 20)
    score = metrics.log_loss(truth, rows / rows.sum(axis=1, keepdims=True), labels=list(range(5)))
    source = "sklearn.metrics.log_loss of rows divided by their sums"
    add("multiclass_log_loss", "rounded to three digits", source, score, truth, rows.T)


# Labels


def label_data(rng, large):
    """(name, truth, label)."""
    n = 60
    truth = rng.integers(0, 2, n)
    noisy = np.where(rng.random(n) < 0.25, 1 - truth, truth)
    yield "two classes", truth, noisy
    yield "independent labels", rng.integers(0, 2, n), rng.integers(0, 2, n)
    yield "rare positives", np.arange(n) % 20 == 3, np.arange(n) % 15 == 3
    yield "perfect", truth[:20], truth[:20]
    yield "all wrong", truth[:20], 1 - truth[:20]
    yield "constant prediction of 0", truth[:20], np.zeros(20)
    yield "constant prediction of 1", truth[:20], np.ones(20)
    yield "constant truth of 0", np.zeros(20), truth[:20]
    yield "constant truth of 1", np.ones(20), truth[:20]
    yield "all 0", np.zeros(5), np.zeros(5)
    yield "all 1", np.ones(5), np.ones(5)
    yield "opposite constants", np.zeros(5), np.ones(5)
    yield "one row", [1], [0]
    yield "one row, met", [1], [1]
    yield "two rows", [0, 1], [1, 1]
    yield "three rows", [0, 1, 1], [-0.0, 1, 0]
    truth = rng.integers(0, 5, n)
    yield "five classes", truth, np.clip(truth + rng.integers(-1, 2, n), 0, 4)
    yield "five independent classes", rng.integers(0, 5, n), rng.integers(0, 5, n)
    yield "labels that the truth never holds", rng.integers(0, 3, 30), rng.integers(0, 6, 30)
    yield "classes that are never predicted", rng.integers(0, 6, 30), rng.integers(2, 4, 30)
    yield "codes with gaps", 3 * rng.integers(0, 4, 30), 3 * rng.integers(0, 4, 30)
    yield "a class a row", np.arange(30), rng.permutation(30)
    yield "three ordered rows", [0, 1, 2], [2, 1, 0]
    yield "constant prediction of 2", rng.integers(0, 5, 20), np.full(20, 2)
    if large:
        truth = rng.integers(0, 8, 5000)
        yield "thousands of rows", truth, np.where(rng.random(5000) < 0.3, rng.integers(0, 8, 5000), truth)
        yield "hundreds of classes", rng.integers(0, 300, 5000), rng.integers(0, 300, 5000)


def labels(rng, large):
    for name, truth, label in label_data(rng, large):
        # What goes into the case keeps its negative zeros; what goes to scikit-learn are whole numbers.
        y, p = np.asarray(truth, int), np.asarray(label, int)
        codes = np.arange(max(y.max(), p.max()) + 1)
        f1_source = "sklearn.metrics.f1_score"
        sources = {
            "accuracy": ("sklearn.metrics.accuracy_score", lambda: metrics.accuracy_score(y, p)),
            "balanced_accuracy": (
                "sklearn.metrics.balanced_accuracy_score",
                lambda: metrics.balanced_accuracy_score(y, p),
            ),
            "f1_macro": (f1_source, lambda: metrics.f1_score(y, p, average="macro")),
            "f1_micro": (f1_source, lambda: metrics.f1_score(y, p, average="micro")),
            "mcc": ("sklearn.metrics.matthews_corrcoef", lambda: metrics.matthews_corrcoef(y, p)),
            "cohen_kappa": ("sklearn.metrics.cohen_kappa_score", lambda: metrics.cohen_kappa_score(y, p)),
            "quadratic_weighted_kappa": (
                "sklearn.metrics.cohen_kappa_score, labels=range(classes)",
                lambda: metrics.cohen_kappa_score(y, p, weights="quadratic", labels=codes),
            ),
        }
        if codes[-1] <= 1:
            # scikit-learn answers 0 where no row is positive; we say undefined.
            positives = np.any(y == 1) or np.any(p == 1)
            f1 = lambda: metrics.f1_score(y, p, zero_division=0) if positives else math.nan  # noqa: E731
            sources["f1"] = (f1_source, f1)
        else:
            sources["f1"] = ("definition: only 0 and 1", lambda: math.nan)
        for metric, (source, function) in sources.items():
            add(metric, name, source, function, truth, [label])
    for metric in sources:
        for value in [0.5, -1.0]:
            add(metric, f"label {value}", "definition", UNDEFINED, [0, 1], [[value, 1]])


# Rankings


def ndcg(relevance, group, score, k):
    """The mean of scikit-learn's over the groups. It refuses groups of one item, which have one order: 1 if the
    item is relevant; and answers 0 for a group without relevant items, as we do unless all are so."""
    if not np.any(relevance):
        return math.nan
    values = []
    for one in np.unique(group):
        gains, scores = relevance[group == one], score[group == one]
        if len(gains) == 1:
            values.append(float(gains[0] > 0))
        else:
            values.append(metrics.ndcg_score([gains], [scores], k=k))
    return np.mean(values)


def average_precision_at(relevant, score, k):
    """The mean of AP@k over all orders of tied items, by trying all places of the relevant ones in each tie."""
    if not np.any(relevant):
        return 0.0
    total, position, above = 0.0, 0, 0
    for value in np.unique(score)[::-1]:
        tied = relevant[score == value]
        size, hits = len(tied), int(tied.sum())
        values = []
        for places in itertools.combinations(range(size), hits):
            found, value_here = above, 0.0
            for place in places:
                found += 1
                rank = position + place + 1
                if rank <= k:
                    value_here += found / rank
            values.append(value_here)
        total += np.mean(values)
        position += size
        above += hits
    return total / min(k, int(relevant.sum()))


def mean_average_precision(relevant, group, score, k):
    if not np.any(relevant):
        return math.nan
    values = []
    for one in np.unique(group):
        hits, scores = relevant[group == one], score[group == one]
        value = average_precision_at(hits, scores, k)
        if len(np.unique(scores)) == len(scores) > 1 and 0 < hits.sum() < len(hits) and k >= len(hits):
            reference = metrics.label_ranking_average_precision_score([hits], [scores])
            assert abs(value - reference) < 1e-12, "the definition disagrees with scikit-learn"
        values.append(value)
    return np.mean(values)


def ranking_data(rng, large):
    """(name, group, graded relevance, score)."""
    group = np.sort(rng.integers(0, 8, 60))
    graded = rng.integers(0, 4, 60)
    yield "eight groups", group, graded, np.round(graded + rng.normal(0, 1.5, 60), 3)
    order = rng.permutation(60)
    yield "groups in mixed order", group[order], graded[order], np.round(rng.normal(0, 1, 60), 3)
    yield "heavy ties", group, graded, rng.integers(0, 3, 60)
    yield "one group", np.zeros(14), rng.integers(0, 3, 14), np.round(rng.random(14), 1)
    singletons = np.concatenate([np.arange(30), [40] * 5])
    yield "many groups of one", singletons, np.arange(35) % 3, np.round(rng.random(35), 1)
    yield "perfect", group, graded, graded
    yield "reverse order", group, graded, -graded
    yield "constant prediction", group[:30], graded[:30], np.full(30, 0.5)
    yield "all relevant", group[:20], np.ones(20), np.round(rng.random(20), 1)
    yield "nothing relevant", group[:20], np.zeros(20), np.round(rng.random(20), 1)
    yield "some groups without relevant items", group, graded * (group % 2), np.round(rng.random(60), 2)
    yield "one row", [5], [1], [0.5]
    yield "two rows", [0, 0], [0, 1], [0.5, 0.25]
    yield "two rows, tied", [0, 0], [0, 1], [0.5, 0.5]
    yield "zeros of both signs", [0, 0, 0, 1, 1], [2, 0, 1, 1, 0], [0.0, -0.0, 0.5, -0.0, 0.0]
    yield "extreme scores", [0, 0, 0, 1, 1, 1], [1, 0, 2, 0, 1, 0], [1e300, -1e300, 1e-300, 1e-300, -1e-300, 0.0]
    if large:
        group = rng.integers(0, 300, 2500)
        yield "thousands of rows", group, rng.integers(0, 5, 2500), rng.random(2500)
        yield "thousands of tied rows", group, rng.integers(0, 5, 2500), rng.integers(0, 5, 2500)


def rankings(rng, large):
    for name, group, graded, score in ranking_data(rng, large):
        group, graded, score = np.asarray(group), np.asarray(graded, float), np.asarray(score, float)
        relevant = (graded > 0).astype(float)
        for k in [1, 3, 10]:
            source = "sklearn.metrics.ndcg_score, mean over groups"
            add(f"ndcg@{k}", name, source, ndcg(graded, group, score, k), graded, [score], group=group)
            source = "definition, all orders of ties"
            expected = mean_average_precision(relevant, group, score, k)
            add(f"map@{k}", name, source, expected, relevant, [score], group=group)
    real = np.round(rng.gamma(1, 2, 20), 3)
    group, score = np.sort(rng.integers(0, 4, 20)), np.round(rng.random(20), 1)
    source = "sklearn.metrics.ndcg_score, mean over groups"
    add("ndcg@5", "relevance of any size", source, ndcg(real, group, score, 5), real, [score], group=group)
    add("ndcg@5", "negative relevance", "definition", UNDEFINED, [-1, 1], [[1, 2]], group=[0, 0])
    add("ndcg@5", "no group column", "definition", UNDEFINED, [0, 1], [[1, 2]])
    add("map@5", "graded relevance", "definition", UNDEFINED, [2, 1], [[1, 2]], group=[0, 0])
    add("map@5", "no group column", "definition", UNDEFINED, [0, 1], [[1, 2]])


# Survival


def concordance_index(time, event, prediction):
    """Harrell's C, pair by pair."""
    concordant, comparable = 0.0, 0
    for i, j in itertools.permutations(range(len(time)), 2):
        lasted_longer = time[j] > time[i] or (time[j] == time[i] and not event[j])
        if event[i] and lasted_longer:
            comparable += 1
            concordant += 1.0 if prediction[j] > prediction[i] else 0.5 if prediction[j] == prediction[i] else 0.0
    return concordant / comparable if comparable else math.nan


def survival(rng, large):
    def case(name, time, event, prediction):
        score = concordance_index(time, event, prediction)
        add("concordance_index", name, "definition, pair by pair", score, time, [prediction], event=event)

    n = 60
    time = np.round(rng.exponential(10, n), 2)
    event = rng.random(n) < 0.6
    case("censored", time, event, np.round(time * rng.lognormal(0, 0.5, n), 2))
    case("independent", time, event, np.round(rng.random(n), 3))
    case("all observed", time[:25], np.ones(25), np.round(rng.random(25), 3))
    case("all censored", time[:25], np.zeros(25), np.round(rng.random(25), 3))
    case("tied times", rng.integers(0, 5, n), event, np.round(rng.random(n), 3))
    case("tied predictions", time, event, rng.integers(0, 4, n))
    case("tied times and predictions", rng.integers(0, 5, n), event, rng.integers(0, 4, n))
    case("perfect", time, event, time)
    case("reverse order", time, event, -time)
    case("constant prediction", time[:20], event[:20], np.full(20, 3.0))
    case("constant time, all observed", np.full(8, 4.0), np.ones(8), np.round(rng.random(8), 2))
    case("constant time, some censored", np.full(8, 4.0), np.arange(8) % 2, np.round(rng.random(8), 2))
    case("only the last is observed", [1.0, 2.0, 3.0], [0, 0, 1], [1.0, 2.0, 3.0])
    case("one row", [1.0], [1], [1.0])
    case("two rows", [1.0, 2.0], [1, 0], [5.0, 4.0])
    case("zeros of both signs", [0.0, -0.0, 1.0], [1, 0, 1], [-0.0, 0.0, 0.0])
    case("extremes", [1e-300, 1e300, 0.0, 1.0], [1, 1, 1, 0], [-1e300, 1e300, 1e-300, 0.0])
    add("concordance_index", "no event column", "definition", UNDEFINED, [1, 2], [[1, 2]])
    add("concordance_index", "negative time", "definition", UNDEFINED, [-1, 2], [[1, 2]], event=[1, 1])
    if large:
        time, event = rng.integers(0, 400, 1500), rng.random(1500) < 0.5
        case("thousands of rows", time, event, np.round(time + rng.normal(0, 100, 1500)))


# Distributions


def crps(truth, draws):
    """mean|x - y| - mean|x - x'| / 2, literally; `draws` is rows × members."""
    error = np.abs(draws - truth[:, None]).mean(axis=1)
    spread = np.abs(draws[:, :, None] - draws[:, None, :]).mean(axis=(1, 2))
    return np.mean(error - spread / 2)


def ensembles(rng, large):
    def case(name, truth, draws):
        truth, draws = np.asarray(truth, float), np.asarray(draws, float)
        if draws.shape[1] == 1:
            source, score = "sklearn.metrics.mean_absolute_error", metrics.mean_absolute_error(truth, draws[:, 0])
        else:
            source, score = "definition, all pairs of draws", crps(truth, draws)
        add("crps", name, source, score, truth, draws.T)

    truth = np.round(rng.normal(60, 2, 30), 3)
    for members in [1, 2, 3, 10]:
        case(f"{members} draws", truth, np.round(truth[:, None] + rng.normal(0.2, 1, (30, members)), 3))
    case("full precision", rng.normal(0, 1, 12), rng.normal(0, 1, (12, 5)))
    case("tied draws", rng.integers(0, 4, 30), rng.integers(0, 4, (30, 6)))
    case("equal draws", truth, np.repeat(truth[::-1, None], 4, axis=1))
    case("perfect", truth, np.repeat(truth[:, None], 4, axis=1))
    case("truth outside of all draws", np.full(10, 5.0), np.round(rng.random((10, 7)), 2))
    case("constant truth", np.full(12, 0.1), np.round(rng.normal(0, 1, (12, 3)), 2))
    case("one row", [1.5], [[1.0, 2.0, 4.0]])
    case("two rows", [0.0, 1.0], [[1.0, -1.0], [-0.0, 0.0]])
    case("huge values", [1e300, -1e300], [[2e300, 0.0, 1e300], [1e300, -3e300, 0.0]])
    case("tiny values", [1e-300, 0.0], [[2e-300, 0.0, 1e-300], [1e-300, -3e-300, 0.0]])
    add("crps", "no column", "definition", UNDEFINED, [1, 2], [])
    if large:
        case("thousands of rows", rng.normal(0, 1, 3000), rng.normal(0.1, 1.2, (3000, 20)))


def malformed():
    """What has no score whatever the metric: no rows, columns of other lengths, too many columns."""
    for metric in dict.fromkeys(case["metric"] for case in CASES):
        add(metric, "no rows", "definition", UNDEFINED, [], [[]], group=[], event=[])
        row = {"group": [0, 0], "event": [1, 1]}
        add(metric, "prediction of another length", "definition", UNDEFINED, [0, 1], [[0.0]], **row)
        if metric not in ("crps", "multiclass_log_loss"):
            add(metric, "two columns", "definition", UNDEFINED, [0, 1], [[0, 1], [0, 1]], **row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("--large", action="store_true", help="add cases of thousands of rows")
    arguments = parser.parse_args()
    families = [numbers, binary, multiclass_log_loss, labels, rankings, survival, ensembles]
    for index, family in enumerate(families):
        family(np.random.default_rng([SEED, index]), arguments.large)
    malformed()
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write('{"versions": ' + json.dumps(versions) + ', "cases": [\n')
        # A case a line, so that a difference between two versions of the file shows what changed.
        file.write(",\n".join(json.dumps(case, separators=(",", ":"), ensure_ascii=False) for case in CASES))
        file.write("\n]}\n")
    print(f"{len(CASES)} cases in {arguments.output}")


if __name__ == "__main__":
    main()
