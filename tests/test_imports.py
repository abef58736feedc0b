"""Imports point one way, and every room knows only what it should."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "asr_daemon"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
}


def imported_by(module: str) -> set[str]:
    """Return the modules that a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_no_cycles() -> None:
    """There is an order in which every module comes after what it imports."""
    graph = {module: imported_by(module) & MODULES.keys() for module in MODULES}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == MODULES.keys()


def test_one_place_knows_how_results_are_stored() -> None:
    """All else knows the protocol only; `render` and `follow` write files of their own."""
    implementation = "asr_daemon.output.filesystem"
    others = MODULES.keys() - {module for module in MODULES if module.startswith(implementation)}
    knowing = {
        module
        for module in others
        if any(name.startswith(implementation) for name in imported_by(module))
    }
    assert knowing == {
        "asr_daemon.daemon.wiring",
        "asr_daemon.commands.follow",
        "asr_daemon.commands.render",
    }


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        (
            "providers",
            ("tornado", "sqlite3", "os.path", "asr_daemon.web", "asr_daemon.output"),
        ),
        ("renderers", ("tornado", "os", "pathlib", "asr_daemon.config", "asr_daemon.output")),
        ("output", ("tornado", "json", "asr_daemon.providers", "asr_daemon.renderers")),
        ("output.base", ("sqlite3", "pathlib", "asr_daemon.index")),
        ("output.committer", ("os", "sqlite3", "asr_daemon.index")),
        ("index", ("asr_daemon.output", "asr_daemon.config", "asr_daemon.renderers")),
        (
            "fetch",
            ("sqlite3", "asr_daemon.web", "asr_daemon.config", "asr_daemon.output.filesystem"),
        ),
        ("fetch.policy", ("tornado", "socket", "asr_daemon.output")),
        ("web", ("sqlite3", "asr_daemon.output", "asr_daemon.config")),
        ("config", ("tornado", "asr_daemon.web", "asr_daemon.output")),
        ("transcript", ("asr_daemon",)),
        ("errors", ("asr_daemon",)),
        ("body", ("asr_daemon",)),
        ("layout", ("tornado", "os", "pathlib", "asr_daemon.config", "asr_daemon.output")),
        ("pipeline", ("tornado", "os", "pathlib", "asr_daemon.web", "asr_daemon.config")),
    ],
)
def test_rooms(room: str, strangers: tuple[str, ...]) -> None:
    """No room imports what is none of its business."""
    inside = [
        module
        for module in MODULES
        if module == f"asr_daemon.{room}" or module.startswith(f"asr_daemon.{room}.")
    ]
    assert inside
    for module in inside:
        for name in imported_by(module):
            assert not any(name == each or name.startswith(f"{each}.") for each in strangers), (
                f"{module} imports {name}"
            )


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {module.rpartition(".")[2] for module in MODULES} - {"__init__", "__main__"}
    assert names & sys.stdlib_module_names == set()
