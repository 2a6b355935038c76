"""tilth makes language-model training data and measures which recipe makes a better model.

The public names are imported on first use, so that `import tilth` and `tilth --help` stay cheap.
"""

from typing import TYPE_CHECKING, Any

from tilth.base.version import VERSION

if TYPE_CHECKING:
    from tilth.api import Recipe, estimate, load_recipe, preview, reparse, run, stitched

__all__ = ["Recipe", "__version__", "estimate", "load_recipe", "preview", "reparse", "run", "stitched"]

__version__ = VERSION


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tilth import api

        return getattr(api, name)
    raise AttributeError(f"module 'tilth' has no attribute {name!r}; it has {', '.join(__all__)}")
