#!/usr/bin/env python3
"""Measures a published table with pyCANON.

    anonymity_measures.py TABLE.csv QUASI_IDENTIFIERS SENSITIVE     column names, separated by semicolons

Prints k, and for each sensitive column its name, distinct l, entropy l (pyCANON rounds it down), t
and alpha.
"""

import sys

import pandas
from pycanon import anonymity


def main(path, quasi_identifiers, sensitive):
    quasi_identifiers, sensitive = quasi_identifiers.split(";"), sensitive.split(";")
    # Words stay words, or pandas would read "*" and numbers in one column as it likes.
    table = pandas.read_csv(path, dtype={name: str for name in quasi_identifiers})
    print(anonymity.k_anonymity(table, quasi_identifiers))
    for name in sensitive:
        print(
            name,
            anonymity.l_diversity(table, quasi_identifiers, [name]),
            anonymity.entropy_l_diversity(table, quasi_identifiers, [name]),
            repr(float(anonymity.t_closeness(table, quasi_identifiers, [name]))),
            repr(float(anonymity.alpha_k_anonymity(table, quasi_identifiers, [name])[0])),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
