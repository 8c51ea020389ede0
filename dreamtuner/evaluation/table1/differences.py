"""Differences of every method to one of them, subject by subject, with bootstrap intervals over subjects.

Subjects differ far more than methods do, so intervals of two means may overlap although one method is better for nearly
every subject. Here each subject is compared with itself, and only the differences are resampled.
"""

from __future__ import annotations

from collections.abc import Mapping

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.table1.summary import SECONDS, Table, by_subject, mean_of


def differences(table: Table, base: str) -> dict[str, dict[str, Mean]]:
    """Return by method and metric the mean of (the method minus ``base``) over subjects, with its 95 % interval.

    Only metrics that both have for every subject occur; rows of fewer subjects than ``base`` (NAME@STEPS) are left out.
    Units are those of the metric: shares in 0..1, cosines, seconds.

    Raises:
        KeyError: ``base`` is not in the table.
    """
    ours = table[base]
    return {
        name: {
            measure: mean_of(by_subject(results, measure) - by_subject(ours, measure))
            for measure in (*results[0].drawn.measures, *sorted(SECONDS))
            if measure in SECONDS or all(measure in one.drawn.measures for one in (*results, *ours))
        }
        for name, results in table.items()
        if name != base and len(results) == len(ours)
    }


def headline(of_method: Mapping[str, Mean], measures: Mapping[str, str]) -> str:
    """Format a method's differences in points, such as ``identity +1.8 (0.4 to 3.2)``. ``measures``: their headings.

    A point is 0.01 of a metric. A difference whose interval contains 0 may be chance.
    """
    return ", ".join(
        f"{words} {100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
        for name, words in measures.items()
        if (one := of_method.get(name)) is not None
    )
