"""The parser as values."""

from argparse import ArgumentParser
from pathlib import Path

from asr_daemon.manual.tree import Argument, CommandHelp, Program, read_parser


def test_everything_that_a_parser_knows() -> None:
    """Options, places, choices and files."""
    parser = ArgumentParser("prog", description="Does.", add_help=False)
    run = parser.add_subparsers().add_parser(
        "run", help="run it", description="Runs.", add_help=False
    )
    run.add_argument("-f", "--file", type=Path, metavar="FILE", help="which")
    run.add_argument("--all", action="store_true", help="all of them")
    run.add_argument("how", choices=["fast", "slow"])
    file = Argument(("-f", "--file"), "FILE", (), is_file=True, required=False, help="which")
    every = Argument(("--all",), "", (), is_file=False, required=False, help="all of them")
    how = Argument((), "fast|slow", ("fast", "slow"), is_file=False, required=True, help="")
    command = CommandHelp("run", "run it", "Runs.", (file, every, how))
    assert read_parser(parser) == Program(CommandHelp("prog", "", "Does.", ()), (command,))
    assert (command.options, command.places) == ((file, every), (how,))
