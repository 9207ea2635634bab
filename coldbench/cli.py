"""The command line: parse, call once, echo."""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from coldbench.commands.usage import explained
from coldbench.core.errors import InputError, one_line
from coldbench.core.package import __version__
from coldbench.online.options import SimulateOptions
from coldbench.runs.flags import Flag
from coldbench.runs.options import FLAGS, flags_of


class _Group(click.Group):
    """Reports bad input in one line, with exit code 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            _end(f"{explained(error)} (see coldbench --help)")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            _end(str(error))
        except NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            command = f"{ctx.invoked_subcommand} " if ctx.invoked_subcommand else ""
            _end(f"{explained(error)} (see coldbench {command}--help)")
        except OSError as error:  # a full disk or an impossible path is not a bug in the code
            if error.errno == errno.EPIPE:
                raise
            _end(str(error))


def _end(message: str) -> NoReturn:
    click.echo(f"coldbench: {one_line(message)}", err=True)
    sys.exit(2)


def _options(command: Callable, flags: Mapping[str, Flag] = FLAGS) -> Callable:
    """Adds the flags of ``coldbench run``, or others, each of which is also a key of the TOML file."""
    command = click.option("--dry-run", is_flag=True, help="Say what would be run, and stop.")(command)
    command = click.option(
        "--config", type=click.Path(path_type=Path), help="A TOML file with the same keys as the flags."
    )(command)
    for name, flag in reversed([*flags.items()]):
        if not flag.hidden:
            command = _option(name, flag)(command)
    return command


def _option(name: str, flag: Flag) -> Callable[[Callable], Callable]:
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        help=flag.help,
        metavar=flag.metavar,
        multiple=flag.kind.multiple,
        type=flag.kind.number,
    )


def _question(command: Callable) -> Callable:
    """Adds the flags for the metric and the level of the tests."""
    for flag in (
        click.option("--alpha", type=float, default=0.05, show_default=True, help="The level of the tests."),
        click.option(
            "--metric",
            default="auc",
            show_default=True,
            help="auc, gauc, item_auc, logloss, calibration, recall, ndcg, cold_recall, cold_ndcg, cold_share, "
            "cold_coverage or gini.",
        ),
    ):
        command = flag(command)
    return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="coldbench")
def main() -> None:
    """An honest benchmark of item cold-start methods for click-through-rate models."""


@main.command()
@_options
def run(config: Path | None, dry_run: bool, **flags: Any) -> None:
    """Run a grid of cells, then report.

    The grid is methods x backbones x datasets x seeds.
    """
    from coldbench.commands import run as runs

    result = runs.run(flags, config, dry_run)
    click.echo(result.text)
    sys.exit(result.code)


@main.command()
@_options
@click.option("--samples", type=click.IntRange(1, 100_000), default=32, show_default=True, help="Trials per method.")
@click.option("--search", default="random", show_default=True, help="grid, random or optuna.")
@click.option("--scheduler", default="asha", show_default=True, help="none, or asha, which stops poor trials early.")
@click.option("--metric", default="mean-auc", show_default=True, help="mean-auc, mean-gauc or mean-logloss.")
@click.option("--fields", help="Fields to search, comma-separated.  [default: all of each method's space]")
@click.option(
    "--space", multiple=True, metavar="NAME.FIELD=RANGE", help="A range, such as avaew.alpha=loguniform(1e-2,10)."
)
def tune(config: Path | None, dry_run: bool, **flags: Any) -> None:
    """Search hyper-parameters on pseudo-cold items.

    --seeds is the number of seeds per trial.
    """
    from coldbench.commands import tune as tunes
    from coldbench.tuning.studies import TuneOptions

    how = TuneOptions(**{name: flags.pop(name) for name in TuneOptions.__dataclass_fields__})
    result = tunes.tune(flags, config, how, dry_run)
    click.echo(result.text)
    sys.exit(result.code)


@main.command()
@partial(_options, flags=flags_of(SimulateOptions))
def simulate(config: Path | None, dry_run: bool, **flags: Any) -> None:
    """Simulate an online test, then report."""
    from coldbench.commands.simulate import simulate as simulated

    result = simulated(flags, config, dry_run)
    click.echo(result.text)
    sys.exit(result.code)


@main.command()
@click.argument("folder")
@click.option(
    "--reference", metavar="METHOD", help="The method to test the others against.  [default: the best of each column]"
)
@click.option(
    "--margin", type=float, default=0.002, show_default=True, help="Methods that differ by less are practically equal."
)
@_question
def report(folder: str, **question: Any) -> None:
    """Write the report of a run's folder again."""
    from coldbench.commands import run as runs
    from coldbench.report.analysis.options import ReportOptions

    written = runs.report(folder, ReportOptions(**question))
    click.echo(f"{written.summary}\nreport: {written.path}")


@main.command()
@click.argument("folder")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Only N cells, drawn at random.")
@click.option("--plugin", multiple=True, metavar="FILE.py", help="A plugin file that the run used.")
@click.option("--data-dir", help="A folder with the raw files.")
@click.option("--jobs", type=click.IntRange(1, 4096), help="Cells at once.  [default: the number of cores]")
def verify(folder: str, sample: int | None, data_dir: str | None, **how: Any) -> None:
    """Compute a run or a simulation again; compare bytes."""
    from coldbench.commands import resimulate
    from coldbench.commands import verify as cells
    from coldbench.runs.options import Options

    verify = resimulate.verify if resimulate.is_simulation(folder) else cells.verify
    came = verify(folder, sample, data_dir, Options(**how))
    click.echo(came.text())
    sys.exit(0 if came.same else 1)


@main.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@_question
def compare(first: Path, second: Path, **question: Any) -> None:
    """Compare the results of two runs, and test their differences."""
    from coldbench.commands.compare import compare as compared
    from coldbench.report.analysis.options import ReportOptions

    click.echo(compared(first, second, ReportOptions(**question)))


@main.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--effect", type=float, default=0.002, show_default=True, help="The difference to detect.")
@click.option(
    "--seeds-sd",
    type=float,
    metavar="S",
    help="Standard deviation over seeds of the paired difference.  [default: FOLDER's]",
)
@click.option("--power", type=float, default=0.8, show_default=True, help="The probability of detecting it.")
@click.option("--methods", type=click.IntRange(2, 1000), help="Methods in a table.  [default: those of FOLDER, or 7]")
@_question
def plan(folder: Path | None, seeds_sd: float | None, **aim: Any) -> None:
    """Say how many seeds detect a difference.

    The scatter over seeds is given, or it is that of the run in FOLDER.
    """
    from coldbench.commands.plan import Aim
    from coldbench.commands.plan import plan as planned

    click.echo(planned(Aim(**aim), seeds_sd, folder))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", required=True, help="parquet, csv or json.")
@click.option("--out", type=click.Path(path_type=Path), help="The file.  [default: export.FORMAT in the run's folder]")
def export(folder: Path, to: str, out: Path | None) -> None:
    """Write every measurement of a run into one table."""
    from coldbench.commands.export import export as exported

    click.echo(exported(folder, to, out))


@main.command("list")
@click.argument("kind", required=False)
@click.option(
    "--plugin", multiple=True, type=click.Path(path_type=Path), metavar="FILE.py", help="A plugin file to list as well."
)
def list_(kind: str | None, plugin: tuple[Path, ...]) -> None:
    """List methods, backbones, datasets and worlds.

    The list has their citations and hyper-parameters.
    """
    from coldbench.commands.listing import listing

    click.echo(listing(kind, plugin))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Try a plugin file and say in plain words what is wrong with it."""
    from coldbench.conformance.suite import check

    verdict = check(file)
    click.echo(verdict.text())
    sys.exit(0 if verdict.passed else 1)


@main.command()
def doctor() -> None:
    """Look at this machine, and say what is there and what it is for."""
    from coldbench.commands.doctor import examine

    found = examine()
    click.echo(found.text())
    sys.exit(0 if found.healthy else 1)


@main.command()
@click.argument("kind", metavar="method|backbone|dataset|world")
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Write NAME.py, a plugin to start from.

    It works as it stands, and its comments say what to change.
    """
    from coldbench.plugins.scaffold import new

    click.echo(f"wrote {new(kind, name)}; try it: coldbench check {name}.py")


_partial = click.option("--partial", is_flag=True, help="Take a subset of the published rows, and label it so.")


@main.group()
def data() -> None:
    """Download, add, check, prepare and describe datasets."""


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@_partial
def add(name: str, path: Path, partial: bool) -> None:
    """Check raw files and prepare the cache."""
    from coldbench.commands.data import add_dataset

    click.echo(add_dataset(name, path, partial))


@data.command()
@click.argument("name")
def download(name: str) -> None:
    """Fetch a published archive, then add it."""
    from coldbench.commands.data import download_dataset

    click.echo(download_dataset(name))


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--field", "text", required=True, help="The text of each item, such as title.")
@click.option("--model", default="wordllama", show_default=True, help="What turns a text into a vector.")
@_partial
def embed(name: str, path: Path | None, text: str, model: str, partial: bool) -> None:
    """Write a vector per item, from its text, next to the cache."""
    from coldbench.commands.embed import embed as write_vectors

    click.echo(write_vectors(name, path, text, model, partial))


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@_partial
def card(name: str, path: Path | None, partial: bool) -> None:
    """Print the source, terms, counts, split and traps."""
    from coldbench.commands.card import card as write_card

    click.echo(write_card(name, path, partial), nl=False)


@data.command("check")
@click.argument("path", type=click.Path(path_type=Path))
def check_data(path: Path) -> None:
    """Name every problem of a folder with your own data."""
    from coldbench.commands.data import check_folder

    text, code = check_folder(path)
    click.echo(text)
    sys.exit(code)


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@_partial
def prepare(name: str, path: Path | None, partial: bool) -> None:
    """Prepare the cache if it is missing.

    The raw files are in PATH, or else in COLDBENCH_DATA.
    """
    from coldbench.commands.data import describe

    click.echo(describe(name, path, partial).text())


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def info(name: str, path: Path | None, as_json: bool) -> None:
    """Describe a dataset or a folder.

    Shows sizes, the split, click rates, popularity, fields and the fingerprint.
    """
    from coldbench.commands.data import describe

    described = describe(name, path)
    click.echo(json.dumps(dataclasses.asdict(described), indent=1) if as_json else described.text())
