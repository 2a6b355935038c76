"""Looks at the machine, the installation, the disk and the endpoints, and says what is wrong and what to do."""

import asyncio
import importlib.util
import os
import platform
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from tilth.base.errors import TilthError
from tilth.base.log import EventLog
from tilth.plan import load_curation, load_stage, make_plan
from tilth.recipe import Recipe, load_recipe
from tilth.runner.pool import open_pool
from tilth.runner.reading import check_sources

#: Extra -> the package that stands for it.
EXTRAS = {
    "web": "trafilatura",
    "hub": "huggingface_hub",
    "proxy": "aiohttp",
    "local": "openvino_genai",
    "llamacpp": "xllamacpp",
}
#: Below this much free disk a run of any size is at risk; journals take about the size of the outputs twice.
_LOW_DISK = 1 << 30
#: An fsync slower than this holds back groups of the journal noticeably (they form every 20 ms).
_SLOW_SYNC = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: how bad, about what, and what to do."""

    level: Literal["ok", "note", "bad"]
    subject: str
    text: str


def examine(recipe: Path | None, folder: Path) -> list[Finding]:
    """Everything that can be found; a recipe adds its sources, prompts and model. One probe an endpoint."""
    findings = [*_machine(), *_packages(), *_disk(folder)]
    if recipe is not None:
        findings += _recipe(recipe, folder)
    return findings


def _machine() -> Iterator[Finding]:
    yield Finding(
        level="ok",
        subject="machine",
        text=f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    gpu = shutil.which("nvidia-smi")
    yield Finding(
        level="ok" if gpu else "note", subject="gpu", text="nvidia-smi found" if gpu else "no NVIDIA GPU found"
    )
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except ImportError:  # not on Windows
        return
    level: Literal["ok", "bad"] = "ok" if soft >= 1024 else "bad"
    hint = "" if level == "ok" else "; each request in flight takes one: raise it with ulimit -n 4096"
    yield Finding(level=level, subject="open files", text=f"limit {soft}{hint}")


def _packages() -> Iterator[Finding]:
    core = ("httptools", "numpy", "orjson", "pyarrow", "pydantic", "tokenizers")
    yield Finding(level="ok", subject="core", text=", ".join(f"{name} {_version(name)}" for name in core))
    for extra, module in EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Finding(level="ok", subject=f"extra {extra}", text="installed")
        else:
            yield Finding(level="note", subject=f"extra {extra}", text=f"not installed; pip install 'tilth[{extra}]'")


def _disk(folder: Path) -> Iterator[Finding]:
    probe = folder / f".doctor-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        times = []
        with probe.open("wb", buffering=0) as file:
            for _ in range(10):
                file.write(b"x" * 4096)
                start = time.perf_counter()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - start)
        probe.unlink()
    except OSError as error:
        text = f"cannot write to {folder}: {error.strerror}. Choose another folder."
        yield Finding(level="bad", subject="disk", text=text)
        return
    free = shutil.disk_usage(folder).free
    sync = statistics.median(times)
    text = f"{free / 1e9:.1f} GB free in {folder}, fsync {sync * 1000:.1f} ms"
    if free < _LOW_DISK:
        yield Finding(level="bad", subject="disk", text=f"{text}; too little, free some")
    elif sync > _SLOW_SYNC:
        yield Finding(level="note", subject="disk", text=f"{text}; slow, the journal will form larger groups")
    else:
        yield Finding(level="ok", subject="disk", text=text)


def _recipe(path: Path, folder: Path) -> Iterator[Finding]:
    try:
        recipe = load_recipe(path)
    except TilthError as error:
        yield Finding(level="bad", subject="recipe", text=str(error))
        return
    yield Finding(level="ok", subject="recipe", text=f"{recipe.name} with steps {', '.join(recipe.steps)}")
    base = path.parent if path.exists() else Path.cwd()
    plan = make_plan(recipe, base, folder / recipe.name)
    for name, step in plan.recipe.steps.items():
        try:
            if step.curate is not None:
                stages = ", ".join(item.name for item in load_curation(plan, name))
                yield Finding(level="ok", subject=name, text=f"stages {stages} load")
            elif step.read is not None:
                files = check_sources(step.read)
                size = sum(file.size or 0 for file in files)
                yield Finding(level="ok", subject=name, text=f"{len(files)} files, {size / 1e6:.1f} MB, columns found")
            else:
                prompts = load_stage(plan, name).prompts
                yield Finding(level="ok", subject=name, text=f"prompts {', '.join(prompts)} load")
                yield _model(plan.recipe, name)
        except TilthError as error:
            yield Finding(level="bad", subject=name, text=str(error))


def _model(recipe: Recipe, name: str) -> Finding:
    settings = recipe.steps[name].generation
    assert settings is not None

    async def probe() -> float:
        pool = open_pool(settings.model, 0, EventLog(None))
        start = time.perf_counter()
        try:
            await pool.start()
        finally:
            await pool.close()
        return time.perf_counter() - start

    seconds = asyncio.run(probe())
    return Finding(level="ok", subject=f"{name} model", text=f"{settings.model.engine} is ready in {seconds:.1f} s")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
