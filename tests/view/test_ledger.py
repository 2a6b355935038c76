"""The summary of a run on a terminal."""

import copy
from pathlib import Path
from typing import Any

from tilth.view.ledger import ledger_text

LEDGER: dict[str, Any] = {
    "format": 1,
    "run": "demo",
    "recipe_version": 3,
    "state": "finished",
    "stopped_because": None,
    "engine": {"name": "extractive", "version": "1", "label": "rules, no model", "model": None, "revision": None},
    "steps": [
        {
            "name": "documents",
            "kind": "read",
            "source": None,
            "ledger": {"in": 112, "kept": 104, "reasons": {"broken_json": 2, "empty_text": 6}},
            "files": [{"uri": "a.jsonl", "in": 112, "kept": 104}],
        },
        {
            "name": "rephrased",
            "kind": "rephrase",
            "source": "documents",
            "routing": {
                "in": 1416,
                "kept": 1236,
                "reasons": {"table:too_few_table_rows": 100, "math:too_few_numbers": 80},
            },
            "ledger": {"in": 1240, "kept": 1204, "reasons": {"refused:no_steps": 33, "loop": 2, "engine:timeout": 1}},
            "by_prompt": {
                "tutorial": {"in": 40, "kept": 5, "reasons": {"refused:no_steps": 33, "loop": 2}, "flags": {}},
                "faq": {"in": 1200, "kept": 1199, "reasons": {"engine:timeout": 1}, "flags": {"copy_high": 3}},
            },
            "flags": {"copy_high": 3},
            "alarms": [],
        },
    ],
    "cost": {
        "requests": 1240,
        "answers_reused": 0,
        "prompt_tokens": 1_234_567,
        "completion_tokens": 4321,
        "seconds": 3725.0,
        "gpu_seconds": 0.0,
        "money": 0.0,
        "currency": "USD",
        "price": None,
        "sessions": [{}],
    },
    "licences": {"CC0-1.0": 14, "CC-BY-4.0": 90},
}

GOLDEN = """\
run        demo, recipe version 3, finished
engine     extractive 1: rules, no model

documents (read)
  112 records read
  = 104 kept
  +   6 empty text
  +   2 broken json

rephrased (rephrase from documents)
  1,416 pairs of a document and a prompt
  = 1,236 routed
  +   100 table: too few table rows
  +    80 math: too few numbers
  1,236 routed pairs made 1,240 rewrites, since long documents have windows
  1,240 rewrites asked for
  = 1,204 kept
  +    33 refused: no steps
  +     2 loop
  +     1 engine: timeout
  prompt          in      kept          flagged  most often not kept for
  faq          1,200     1,199  99.9 %        3  engine: timeout 1
  tutorial        40         5  12.5 %        0  refused: no steps 33, loop 2

cost       0.00 USD (no price set), 1 h 02 min
           1,240 requests; 1,234,567 prompt and 4,321 completion tokens
licences   CC-BY-4.0 90, CC0-1.0 14

next       look at what was made, source beside output: out/demo/samples.html
           tutorial lost 88% of its rewrites, most for: refused: no steps
"""


def changed(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(LEDGER) | more


def test_the_summary_of_a_finished_run():
    assert ledger_text(LEDGER, Path("out/demo")) == GOLDEN


def test_a_stopped_run_says_why_how_much_is_left_and_how_to_go_on():
    ledger = changed(state="stopped", stopped_because="the cap of 5.00 USD was reached")
    ledger["steps"][1]["ledger"]["in"] += 200
    text = ledger_text(ledger)
    assert "stopped: the cap of 5.00 USD was reached" in text
    assert "+   200 not done yet" in text
    assert "next       run the same command again" in text


def test_a_ledger_that_does_not_add_up_is_called_out():
    ledger = changed()
    ledger["steps"][1]["ledger"]["kept"] -= 7
    text = ledger_text(ledger)
    assert "+     7 UNACCOUNTED FOR" in text
    assert "tilth verify" in text


def test_many_reasons_are_summed_and_still_add_up():
    ledger = changed()
    ledger["steps"][0]["ledger"] = {"in": 1000, "kept": 280, "reasons": {f"r{n:02d}": 60 for n in range(12)}}
    text = ledger_text(ledger)
    assert "+   240 for 4 other reasons" in text
    assert "UNACCOUNTED" not in text


def test_money_sessions_reuse_and_alarms_are_shown():
    cost = LEDGER["cost"] | {
        "money": 12.5,
        "price": "m",
        "answers_reused": 40,
        "sessions": [{}, {}],
        "gpu_seconds": 90.0,
    }
    ledger = changed(cost=cost)
    alarm = {
        "prompt": "faq",
        "kind": "openings",
        "value": 0.37,
        "limit": 0.2,
        "message": "all begin alike",
        "examples": [],
    }
    ledger["steps"][1]["alarms"] = [alarm]
    text = ledger_text(ledger)
    assert "12.50 USD (price: m), 1 h 02 min, 1 min 30 s of GPU over 2 sessions" in text
    assert "1,240 requests, 40 answers reused" in text
    assert "alarm: faq, openings 0.37 (limit 0.20): all begin alike" in text
    assert "1 collapse alarm: read the examples" in text


def test_control_characters_never_reach_the_terminal():
    ledger = changed(run="a\x1b[2Jb", stopped_because="\x9b31m\x07", licences={"\x1b]0;x\x07": 1})
    ledger["engine"] = ledger["engine"] | {"model": "m\x1b[31m"}
    ledger["steps"][1]["ledger"]["reasons"]["bad\x1b[31m"] = 0
    ledger["steps"][0]["name"] = "n\x1b"
    assert not set("\x1b\x07\x9b") & set(ledger_text(ledger))


def test_a_price_file_s_record_gives_its_date_and_says_when_it_is_old():
    price = {"date": "2025-01-02", "source": "the maker's page", "stale": True}
    text = ledger_text(changed(cost=LEDGER["cost"] | {"money": 0.25, "price": price}))
    assert "0.2500 USD (price of 2025-01-02 from the maker's page, which is old: look it up again)" in text


def test_an_unfinished_step_says_how_many_shards_its_sums_cover():
    ledger = changed(state="stopped")
    ledger["steps"][1]["shards"] = {"done": 3, "of": 8}
    assert "3 of 8 shards are done; the sums are theirs" in ledger_text(ledger)


def test_a_recipe_that_only_reads_has_no_engine():
    ledger = changed(engine=None)
    ledger["steps"] = ledger["steps"][:1]
    assert "engine" not in ledger_text(ledger)


def test_failures_that_pass_and_a_missed_forecast_are_said():
    ledger = changed(
        forecast={
            "kept": {"low": 900.0, "middle": 950.0, "high": 1000.0, "actual": 1204, "hit": False},
            "requests": {"low": 1000.0, "middle": 1100.0, "high": 1300.0, "actual": 1240, "hit": True},
        }
    )
    ledger["steps"][1]["passing"] = 1
    text = ledger_text(ledger)
    assert "forecast   1 of 2 quantities ended inside their 90% interval" in text
    assert "kept: 1,204, forecast 900 to 1,000" in text
    assert "1 rewrites failed at an engine that was away" in text


def test_a_notice_is_no_alarm():
    ledger = changed()
    alarm = {"prompt": "faq", "kind": "openings", "value": 0.37, "limit": 0.2, "message": "m", "level": "notice"}
    ledger["steps"][1]["alarms"] = [alarm]
    text = ledger_text(ledger)
    assert "notice: faq" in text
    assert "collapse alarm" not in text
