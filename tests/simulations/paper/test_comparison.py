"""The comparison finds what differs."""

import csv
import io

from rich.console import Console

from fedchemo.simulations.paper import comparison, table
from fedchemo.simulations.paper.table import Row


def compared(method, accuracy, *, test_set="client_test_2", seed=42):
    rows = [Row(method, seed, test_set, accuracy)]
    [one] = comparison.compare(rows, {(method, seed, test_set): 0.75})
    return one


def test_one_test_case_is_allowed_to_pooled_training_and_to_no_other():
    assert compared("fedavg", 0.75).holds
    assert not compared("fedavg", 13 / 16).holds
    assert compared("pooled", 13 / 16).holds
    assert not compared("pooled", 14 / 16).holds
    assert compared("pooled", 14 / 16).cases == 2


def test_where_only_a_mean_is_published_the_mean_must_agree_to_three_digits():
    for accuracy, holds in ((0.7791, True), (0.7800, False)):
        [one] = comparison.compare([Row("fedadam", 42, "Pooled Test", accuracy)], {})
        assert one.holds is holds
        assert one.cases is None


def test_a_difference_is_printed_with_the_published_value():
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(comparison.printed([compared("fedavg", 13 / 16)]))
    assert "0.8125 (0.7500)" in console.export_text()
    assert comparison.verdict([compared("fedavg", 13 / 16)]).startswith("0 of 1 values")


def test_the_file_has_the_columns_asked_for_and_exact_values(tmp_path):
    table.write([Row("fedavg", 42, "client_test_0", 79 / 104)], tmp_path / "t.csv")
    [row] = csv.DictReader((tmp_path / "t.csv").open())
    assert list(row) == ["method", "seed", "test_set", "accuracy"]
    assert float(row["accuracy"]) == 79 / 104
