"""What the page and the terminal show of probes, weights and rounds."""

from tilth.steer.cells import Cell
from tilth.steer.scores import ProbeResults, items_frame, result_rows
from tilth.steer.weights import weights_from
from tilth.view.probe import heat_map, heat_maps, loop_of_report, loop_text, loop_values, probe_text, weights_text

CELLS = (
    Cell(name="law/D1", disciplines=("law",), low=1, high=1, items=3),
    Cell(name="law/D2-D5", disciplines=("law",), low=2, high=5, items=3),
    Cell(name="stem:astronomy+physics/D1-D5", disciplines=("astronomy", "physics"), low=1, high=5, items=1, thin=True),
)


def _results() -> ProbeResults:
    rows = [
        row
        for cell, values in (("law/D1", [1.0, 1.0, 1.0]), ("law/D2-D5", [0.0, 1.0, 0.0]))
        for number, value in enumerate(values)
        for row in result_rows(f"{cell}{number}", None, cell, {"acc": value})
    ]
    missing = {"engine:bad\x1b[2Jrequest": 1}
    name = "a \x1b[31mmodel"
    return ProbeResults(model=name, step=5, probe="abc", cells=CELLS, items=items_frame(rows), missing=missing,
                        not_measured={"gold_bpb": "chat"})  # fmt: skip


def test_a_heat_map_has_a_tile_for_each_discipline_and_bin_and_names_merged_cells() -> None:
    summary = _results().summary()
    found = heat_map(summary)
    assert found["disciplines"] == ["astronomy", "law", "physics"]
    assert len(found["tiles"]) == 15
    tiles = {(tile["discipline"], tile["bin"]): tile for tile in found["tiles"]}
    assert tiles["law", 1]["value"] == 1.0
    assert not tiles["law", 1]["merged"]
    assert tiles["law", 2]["cell"] == tiles["law", 5]["cell"] == "law/D2-D5"
    assert tiles["law", 4]["value"] == 1 / 3
    assert tiles["law", 4]["low"] < 1 / 3 < tiles["law", 4]["high"]
    assert (tiles["physics", 3]["value"], tiles["physics", 3]["thin"]) == (None, True)
    assert [one["cell"] for one in found["merged"]] == ["law/D2-D5", "stem:astronomy+physics/D1-D5"]
    assert [one["metric"] for one in heat_maps(summary)] == ["acc"]


def test_the_terminal_shows_no_control_characters_and_no_zero_for_what_is_missing() -> None:
    said = probe_text(_results().summary(), 160)
    assert "\x1b" not in said
    lines = [line for line in said.splitlines() if line.startswith("stem:")]
    assert lines[0].split()[-1] == "-"
    assert "1 items without a score" in said
    assert "not measured: bits per byte" in said
    text = weights_text(weights_from(_results(), 0.9).model_dump(), 160)
    assert "\x1b" not in text
    assert text.splitlines()[-1]


def test_target_against_achieved_by_round() -> None:
    rounds = [
        {"round": 1, "rows": 10, "achieved": {"law/D1": 8, "other": 2}, "distance": 0.5},
        {"round": 2, "rows": 0, "achieved": {}, "distance": None},
    ]
    values = loop_values({"law/D1": 0.3, "law/D2-D5": 0.7}, rounds)
    cells = {cell["cell"]: cell for cell in values["cells"]}
    assert cells["law/D1"]["achieved"] == [0.8, None]
    assert cells["other"] == {"cell": "other", "target": 0.0, "achieved": [0.2, None]}
    assert cells["law/D2-D5"]["achieved"] == [0.0, None]
    said = loop_text(values, 100)
    assert "total variation" in said
    assert "0.500" in said
    report = {"round": 3, "requested": {"law/D1": 4}, "rows": 4, "short": 0, "yield": 0.9, "expected_distance": 0.1,
              "reachable_distance": 0.0, "target": {"law/D1": 1.0}, "rounds": rounds}  # fmt: skip
    assert loop_of_report(report)["planned"]["requested"] == {"law/D1": 4}
