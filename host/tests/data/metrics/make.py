"""Writes golden.json beside this file: what scipy, scikit-learn and statsmodels give for the host's metrics.

    pip install numpy scipy scikit-learn statsmodels && python make.py
"""

import json
import random
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

draw = random.Random(4)


def bootstrap(wins, losses, n):
    """The percentile bootstrap over all resamples: the n-fold convolution of one resampled example's distribution."""
    one = np.array([losses, n - wins - losses, wins], dtype=np.longdouble) / n
    total, power, left = np.array([1], dtype=np.longdouble), one, n
    while left:
        if left & 1:
            total = np.convolve(total, power)
        power, left = np.convolve(power, power), left >> 1
    sums = np.cumsum(total)
    return [int(np.argmax(sums >= part)) - n for part in (0.025, 0.975)]


def paired(wins, losses, n):
    table = [[0, wins], [losses, n - wins - losses]]
    resamples = np.random.default_rng(0).multinomial(n, [wins / n, losses / n, 1 - (wins + losses) / n], size=200_000)
    drawn = np.percentile(resamples[:, 0] - resamples[:, 1], [2.5, 97.5], method="inverted_cdf")
    return {
        "wins": wins, "losses": losses, "n": n,
        "p_value": float(mcnemar(table, exact=True).pvalue),
        "bootstrap_counts": bootstrap(wins, losses, n),
        "bootstrap_counts_drawn": [int(end) for end in drawn],
    }


def classes(labels, n, right):
    answers = [draw.randrange(labels) for _ in range(n)]
    predictions = [a if draw.random() < right else draw.randrange(labels) for a in answers]
    every = list(range(labels))
    return {
        "labels": labels, "answers": answers, "predictions": predictions,
        "macro_f1": float(f1_score(answers, predictions, labels=every, average="macro", zero_division=0)),
        "confusion": confusion_matrix(answers, predictions, labels=every).tolist(),
        "accuracy": float(accuracy_score(answers, predictions)),
    }


def wilson(correct, n):
    low, high = proportion_confint(correct, n, alpha=0.05, method="wilson")
    return {"correct": correct, "n": n, "low": float(low), "high": float(high)}


def spread(values):
    return {"values": values, "mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}


cases = [(0, 0, 5), (1, 0, 1), (3, 1, 10), (5, 5, 20), (12, 3, 100), (40, 22, 872), (22, 40, 872), (0, 6, 120),
         (210, 190, 2000), (1300, 1100, 3000), (500, 2, 10042), (900, 10, 2000)]
golden = {
    "paired": [paired(*case) for case in cases],
    "classes": [classes(2, 60, 0.7), classes(5, 200, 0.4), classes(6, 12, 0.5), classes(4, 3, 0.0)],
    "wilson": [wilson(*case) for case in [(80, 100), (0, 10), (1, 2), (436, 872), (9999, 10042)]],
    "spread": [spread([draw.random() for _ in range(count)]) for count in (2, 3, 5, 20)],
}
path = Path(__file__).with_name("golden.json")
path.write_text("{\n" + ",\n".join(f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"
                                   for name, cases in golden.items()) + "\n}\n")
