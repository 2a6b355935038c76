import pytest

import tilth
from tilth import api


def test_the_public_names_are_sorted_documented_and_what_the_api_has() -> None:
    names = [name for name in tilth.__all__ if name != "__version__"]
    assert names == sorted(names)
    assert set(names) <= set(api.__all__)
    for name in names:
        assert getattr(tilth, name) is getattr(api, name)
        assert getattr(api, name).__doc__


def test_the_function_stays_the_function_after_its_package_is_imported() -> None:
    import tilth.runner.session

    assert callable(tilth.run)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="run"):
        tilth.rum  # noqa: B018
