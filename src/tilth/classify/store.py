"""A trained model as a folder: `model.json` (what it is) and `weights.npz` (plain arrays, read without pickle).

Only columns that training texts had are stored. The JSON is written last and names the hash of the arrays, so that a
half written folder is refused and not used.
"""

from dataclasses import asdict
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.files import read_json, write_bytes, write_json
from tilth.classify.grams import VERSION, Grams
from tilth.classify.model import LinearModel

#: Raise it when a folder written before cannot be read any more.
FORMAT = 1


def save_model(model: LinearModel, folder: Path) -> str:
    """Write the model into `folder`, over one that is there; returns its hash (32 hex digits)."""
    unseen = model.idf.max()  # a column that no training text had has the greatest idf
    used = np.flatnonzero(np.any(model.weights != 0, axis=0) | (model.idf != unseen))
    data = BytesIO()
    np.savez_compressed(
        data,
        columns=used.astype(np.uint32),
        weights=model.weights[:, used],
        idf=model.idf[used],
        intercepts=model.intercepts,
        unseen=unseen,
    )
    arrays = data.getvalue()
    head = {
        "format": FORMAT,
        "grams_version": VERSION,
        "grams": asdict(model.grams),
        "task": model.task,
        "classes": list(model.classes),
        "temperature": model.temperature,
        "abstain_below": model.abstain_below,
        "bounds": list(model.bounds),
        "facts": dict(model.facts),
        "weights_hash": blake2b(arrays, digest_size=16).hexdigest(),
    }
    (folder / "model.json").unlink(missing_ok=True)  # from here to the end the folder holds no model
    write_bytes(folder / "weights.npz", arrays)
    write_json(folder / "model.json", head)
    return str(head["weights_hash"])


def load_model(folder: Path) -> LinearModel:
    """Read a model back. Raises `ConfigError` for a folder without one or of another version, `CorruptData` for a
    damaged one."""
    if not (folder / "model.json").is_file():
        raise ConfigError(f"expected a trained model (model.json, weights.npz) in {folder}; saw none. Train one first.")
    head = read_json(folder / "model.json")
    if (head.get("format"), head.get("grams_version")) != (FORMAT, VERSION):
        seen = f"format {head.get('format')}, n-grams {head.get('grams_version')}"
        raise ConfigError(
            f"expected a model of format {FORMAT} with n-grams of version {VERSION} in {folder}; saw {seen}. "
            "Train it again with this version of tilth."
        )
    try:
        arrays = (folder / "weights.npz").read_bytes()
    except FileNotFoundError:
        raise CorruptData(f"expected weights.npz beside {folder / 'model.json'}; saw none. Train it again.") from None
    if blake2b(arrays, digest_size=16).hexdigest() != head["weights_hash"]:
        raise CorruptData(f"expected the arrays that model.json names in {folder}; saw others. Train it again.")
    return _restore(head, arrays)


def model_hash(folder: Path) -> str:
    """What decides the answers of the model in `folder`: 32 hex digits of its head, which names its arrays' hash."""
    if not (folder / "model.json").is_file():
        raise ConfigError(f"expected a trained model (model.json, weights.npz) in {folder}; saw none. Train one first.")
    return blake2b((folder / "model.json").read_bytes(), digest_size=16).hexdigest()


def _restore(head: dict[str, Any], arrays: bytes) -> LinearModel:
    wanted = head["grams"]
    lengths = {name: tuple(wanted[name]) for name in ("words", "characters", "ideographs")}
    grams = Grams(**lengths, bits=wanted["bits"], max_chars=wanted["max_chars"])
    with np.load(BytesIO(arrays), allow_pickle=False) as found:
        used, width = found["columns"], 1 << grams.bits
        weights = np.zeros((len(found["intercepts"]), width), np.float32)
        weights[:, used] = found["weights"]
        idf = np.full(width, found["unseen"], np.float32)
        idf[used] = found["idf"]
        intercepts = found["intercepts"]
    low, high = head["bounds"]
    return LinearModel(
        task=head["task"],
        grams=grams,
        idf=idf,
        weights=weights,
        intercepts=intercepts,
        classes=tuple(head["classes"]),
        temperature=head["temperature"],
        abstain_below=head["abstain_below"],
        bounds=(low, high),
        facts=head["facts"],
    )
