"""What a power cut leaves of a tree that promises nothing but POSIX."""

import pytest

from tests.durability.posix_tree import PosixTree


def tree_with_file() -> PosixTree:
    """Return a tree with `/d/f`, of which nothing is synced."""
    tree = PosixTree()
    tree.make_directory("/d", 0o755)
    tree.make_file("/d/f", 0o644).data += b"data"
    return tree


def sync_all(tree: PosixTree) -> None:
    """Sync the file and both directories of `tree_with_file`."""
    tree.file("/d/f").sync()
    tree.directory("/d").sync()
    tree.directory("/").sync()


def test_nothing_is_left_of_what_is_not_synced() -> None:
    """Time alone makes nothing durable."""
    assert tree_with_file().durable() == {}


def test_file_is_left_when_all_is_synced() -> None:
    """The file, its entry and that of its directory are three things."""
    tree = tree_with_file()
    sync_all(tree)
    assert tree.durable() == {"d/f": b"data"}


@pytest.mark.parametrize("directory", ["/", "/d"])
def test_file_is_lost_with_an_entry_on_the_way(directory: str) -> None:
    """An entry does not help below a directory that has none."""
    tree = tree_with_file()
    tree.file("/d/f").sync()
    tree.directory(directory).sync()
    assert tree.durable() == {}


def test_file_that_is_not_synced_is_left_empty() -> None:
    """An entry is no data."""
    tree = tree_with_file()
    tree.directory("/d").sync()
    tree.directory("/").sync()
    assert tree.durable() == {"d/f": b""}


def test_file_keeps_the_data_of_its_last_sync() -> None:
    """What is written later comes to nothing."""
    tree = tree_with_file()
    sync_all(tree)
    tree.file("/d/f").data += b" and more"
    assert tree.durable() == {"d/f": b"data"}


def test_link_is_an_entry_of_its_own() -> None:
    """A second name of a durable file is lost without a sync of its directory."""
    tree = tree_with_file()
    sync_all(tree)
    tree.link("/d/f", "/d/g")
    assert tree.durable() == {"d/f": b"data"}
    tree.directory("/d").sync()
    assert tree.durable() == {"d/f": b"data", "d/g": b"data"}


def test_unlinked_and_renamed_names_stay_until_the_directory_is_synced() -> None:
    """To take away is a change as well."""
    tree = tree_with_file()
    sync_all(tree)
    tree.rename("/d/f", "/d/g")
    assert tree.durable() == {"d/f": b"data"}
    tree.directory("/d").sync()
    tree.unlink("/d/g")
    assert tree.durable() == {"d/g": b"data"}


def test_rename_replaces_a_file() -> None:
    """As it does everywhere."""
    tree = tree_with_file()
    tree.make_file("/d/g", 0o644)
    tree.rename("/d/g", "/d/f")
    assert tree.file("/d/f").data == b""
    with pytest.raises(FileNotFoundError):
        tree.find("/d/g")


def test_name_that_is_taken_is_refused() -> None:
    """Exclusive creation and links depend on it."""
    tree = tree_with_file()
    with pytest.raises(FileExistsError):
        tree.make_file("/d/f", 0o644)
    with pytest.raises(FileExistsError):
        tree.link("/d/f", "/d/f")


def test_directory_with_entries_is_not_removed() -> None:
    """As everywhere."""
    with pytest.raises(OSError, match="not empty"):
        tree_with_file().remove_directory("/d")
