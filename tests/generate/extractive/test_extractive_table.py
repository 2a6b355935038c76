"""Tables of the extractive engine."""

import pytest
from extractive_samples import BRIDGE_ZH, MANUAL, PLANETS, PROSE, TERMS, table_of

from tilth.generate.engines.extractive.engine import answer


def table(document: str, seed: int = 0, language: str | None = "en") -> tuple[list[str], list[list[str]], str, str]:
    made = answer("table", document, language, seed)
    assert made.refusal is None
    return table_of(made.text)


@pytest.mark.parametrize("seed", range(25))
def test_a_table_of_the_source_comes_back_with_an_answerable_question(seed: int) -> None:
    header, rows, question, reply = table(PLANETS, seed)
    assert header == ["Planet", "Moons", "Radius (km)"]
    assert [row[0] for row in rows] == ["Mars", "Jupiter", "Saturn", "Uranus"]
    cells = {cell for row in rows for cell in row}
    assert reply in cells or reply.split(" (")[0] in cells
    by_name = {row[0]: row for row in rows}
    if "highest" in question or "largest" in question:
        column = 1 if "Moons" in question else 2
        assert reply.split(" (")[0] == max(by_name, key=lambda name: int(by_name[name][column]))
    if "higher value" in question:
        column = 1 if "Moons" in question else 2
        pair = [name for name in by_name if name in question]
        assert reply.split(" (")[0] == max(pair, key=lambda name: int(by_name[name][column]))


def test_questions_are_of_several_kinds() -> None:
    kinds = {" ".join(table(PLANETS, seed)[2].split()[:2]) for seed in range(40)}
    assert len(kinds) >= 4


def test_rows_with_another_column_count_are_left_out() -> None:
    _, rows, _, _ = table(PLANETS + "| Pluto | a dwarf |\n")
    assert {len(row) for row in rows} == {3}
    assert "Pluto" not in {row[0] for row in rows}


def test_a_long_table_is_cut_to_twelve_rows_and_six_columns() -> None:
    head = "| " + " | ".join(f"c{number}" for number in range(9)) + " |\n" + "|---" * 9 + "|\n"
    body = "".join("| " + " | ".join(f"r{row}x{column}" for column in range(9)) + " |\n" for row in range(40))
    header, rows, _, _ = table("# Data\n\n" + head + body)
    assert (len(header), len(rows)) == (6, 12)


def test_a_list_of_terms_becomes_two_columns() -> None:
    header, rows, _, _ = table(TERMS)
    assert header == ["Item", "Description"]
    assert rows[0] == ["Chisel", "a blade that cuts wood along the grain"]


def test_commands_of_a_manual_page_become_task_and_command() -> None:
    header, rows, _, _ = table(MANUAL)
    assert header == ["Task", "Command"]
    assert rows[1] == ["Search a folder", "`grepper -r {{word}} {{folder}}`"]


def test_dated_sentences_become_events_in_order_of_years() -> None:
    document = (
        "# A town\n\nThe town was founded in 1240 by monks. In 1901 the railway reached the valley.\n\n"
        "In 1631 a fire burned most of the houses down. The harbour was opened in 1850 by the queen.\n"
    )
    header, rows, _, _ = table(document)
    assert header == ["Year", "Event"]
    assert [row[0] for row in rows] == ["1240", "1631", "1850", "1901"]


def test_key_value_lines_become_a_table_and_a_card_comes_last() -> None:
    document = (
        "Height: 8849 m\nFirst climbed: 1953\nRange: Himalaya\n\nThe mountain stands on a border of two countries.\n"
    )
    header, rows, _, _ = table(document)
    assert header == ["Field", "Value"]
    assert rows[0] == ["Height", "8849 m"]
    card = "PEP: 1\nTitle: A\nAuthor: Someone <someone@example.org>\nStatus: Final\n\n" + TERMS
    assert table(card)[0] == ["Item", "Description"]
    alone = answer("table", card.split("# Tools")[0] + PROSE, "en", 1).text
    assert "@" not in alone


RST = """Data
====

Text of the page. More text.

=====  =====
Name   Size
=====  =====
fox    12
bear   90
wolf   40
=====  =====
"""
GRID = """Data
====

.. note:: Sizes are in kilograms, and all of them are guesses of the keeper.

+------+------+
| Name | Size |
+======+======+
| fox  | 12   |
+------+------+
| bear | 90   |
+------+------+
"""
HTML = """<html><body><h1>Data</h1><p>Some words here and there.</p>
<table><tr><th>Name</th><th>Size</th></tr><tr><td>fox</td><td>12</td></tr><tr><td>bear</td><td>90</td></tr></table>
<script>alert(1)</script></body></html>"""
LATEX = r"""\section{Data}\label{a}
Words about \emph{animals} and their size.
\begin{tabular}{l r}
Name & Size \\ \hline
fox & 12 \\
bear & 90 \\
wolf & 41 \\
\end{tabular}
\begin{itemize}\item x\end{itemize}
"""


@pytest.mark.parametrize("document", [RST, GRID, HTML, LATEX])
def test_tables_of_rst_html_and_latex_are_read(document: str) -> None:
    header, rows, _, _ = table(document)
    assert header == ["Name", "Size"]
    assert rows[:2] == [["fox", "12"], ["bear", "90"]]


def test_chinese_events_are_labelled_in_chinese() -> None:
    header, rows, question, _ = table(BRIDGE_ZH + "\n1955年老桥改为步行桥。2003年老桥列入文物保护单位。\n", 1, "zh")
    assert header == ["年份", "事件"]
    assert rows[0][0] == "1931" or rows[0][0] == "1871"
    assert question.endswith("？")


def test_prose_without_rows_is_refused() -> None:
    made = answer("table", PROSE, "en", 1)
    assert (made.text, made.refusal) == ("", "no_tabular_facts")


def test_a_bar_in_a_cell_cannot_break_the_table() -> None:
    document = "# Signs\n\n| Sign | Meaning |\n|---|---|\n| a\\|b | either |\n| c | only c |\n| d | only d |\n"
    _, rows, _, _ = table(document)
    assert {len(row) for row in rows} == {2}
    assert rows[0][0] == "a/b"
