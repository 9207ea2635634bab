"""``make coverage``: the share of statements that the tests run, per room, into docs/architecture.md.

It takes the names of the test files that ran, none for the whole suite, and reads the data that pytest-cov has written
to .coverage. Subprocesses and Ray's workers count: coverage starts in each of them, as pyproject.toml says.
"""

from __future__ import annotations

import sys
from collections import Counter

import coverage
import house
from tabulate import tabulate

_BEGIN, _END = "<!-- made by `make coverage`: -->", "<!-- end -->"


def rows() -> list[list[object]]:
    """Each room with its lines and the share of them that ran, and the total."""
    data = coverage.Coverage()
    data.load()
    lines: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for path in house.modules().values():
        _, statements, _, missing, _ = data.analysis2(str(path))
        room = house.room(house.module(path))
        lines[room] += len(statements)
        missed[room] += len(missing)
    rooms = [room for room in house.ORDER if lines[room]]
    found = [[f"`{room}`", lines[room], _share(lines[room], missed[room])] for room in rooms]
    return [*found, ["total", lines.total(), _share(lines.total(), missed.total())]]


def _share(lines: int, missed: int) -> str:
    return f"{100 * (1 - missed / lines):.1f} %"


def main() -> None:
    """Prints the table and writes it into the page."""
    table = tabulate(rows(), ["room", "statements", "run by the tests"], tablefmt="github")
    ran = f"Of {', '.join(f'`{name}`' for name in sys.argv[1:])} alone." if sys.argv[1:] else "Of the whole suite."
    print(f"{ran}\n\n{table}")
    before, _, rest = house.PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    house.PAGE.write_text(f"{before}{_BEGIN}\n\n{ran}\n\n{table}\n\n{_END}{after}")


if __name__ == "__main__":
    main()
