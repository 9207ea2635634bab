"""Which data the records of a run are of: the newest of each dataset, under labels that no two datasets share.

A dataset is its content, that is, its fingerprint, with the part of its configuration that is not a location. Where
the user's folder lies therefore appears in no label, and data that were edited replace what was computed before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from coldbench.core.config import text
from coldbench.report.analysis.names import counted
from coldbench.run.cell import division
from coldbench.run.record import Record

_Content = tuple[str, str]  # fingerprint, variant


def current(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records of the newest data of each dataset, with a unique ``dataset_label``.

    Returns:
        Copies of the records that count, and a sentence for each dataset of which some do not, or whose label had to
        be made unique.
    """
    by_dataset: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        by_dataset[record["labels"]["dataset"]][record["fingerprint"]].append(record)
    newest = {_newest(versions) for versions in by_dataset.values()}
    notes = []
    for versions in by_dataset.values():
        for fingerprint in versions.keys() - newest:
            old = versions[fingerprint]
            notes.append(
                f"{counted(len(old), 'cell')} of {old[0]['dataset_label']} (fingerprint {fingerprint[:12]}) "
                f"{'was' if len(old) == 1 else 'were'} computed before the data changed; only the newest data count."
            )
    kept = [record for record in records if record["fingerprint"] in newest]
    labels, shared = _labels(kept)
    return [record | {"dataset_label": labels[content(record)]} for record in kept], [*notes, *shared]


def content(record: Record) -> _Content:
    """What identifies a record's data: the fingerprint, and the configuration that is no location."""
    return record["fingerprint"], _variant(record)


def _variant(record: Record, without: Iterable[str] = ()) -> str:
    """The fields of the dataset's configuration that are neither a location nor the default: ``n=200``."""
    about = record["plugins"]["dataset"]
    return ",".join(
        f"{field}={text(value)}"
        for field, value in record["config"]["dataset"].items()
        if field not in {*about["locations"], *without} and value != about["defaults"].get(field)
    )


def _left_to_data(record: Record) -> list[str]:
    """The fields of the split that the data decide where the user does not: N and K, with the default 0."""
    defaults = record["plugins"]["dataset"]["defaults"]
    return [field for field in ("n", "k") if defaults.get(field) == 0]


def _newest(versions: dict[str, list[Record]]) -> str:
    """The fingerprint that was computed last, by the generations of the cells that two share, else by the clock."""
    generations = {
        fingerprint: {_cell(record): record["generation"] for record in records}
        for fingerprint, records in versions.items()
    }
    newest, *others = sorted(versions, key=lambda one: max(str(record["finished"]) for record in versions[one]))
    for other in others:  # later by the clock
        shared = generations[newest].keys() & generations[other].keys()
        if all(generations[other][cell] >= generations[newest][cell] for cell in shared):
            newest = other
    return newest


def _cell(record: Record) -> tuple[str, ...]:
    labels = record["labels"]
    rules = str(record["config"]["protocol"]), division(record)
    return *rules, labels["backbone"], labels["method"], str(record["seed"])


def _labels(records: Sequence[Record]) -> tuple[dict[_Content, str], list[str]]:
    """Content -> its label, made unique with a number, and a sentence for each label that needed one."""
    named: dict[_Content, str] = {}
    variants = Counter(fingerprint for fingerprint, _ in {content(record) for record in records})
    for record in sorted(records, key=lambda record: str(record["finished"])):
        fingerprint, variant = content(record)
        shown = variant if variants[fingerprint] > 1 else _variant(record, _left_to_data(record))
        named[fingerprint, variant] = record["dataset_label"] + (f" [{shown}]" if shown else "")
    sharing: dict[str, list[_Content]] = defaultdict(list)
    for one, label in named.items():
        sharing[label].append(one)
    labels = {one: unique for label, group in sharing.items() for one, unique in _numbered(label, group)}
    notes = [
        f"{counted(len(group), 'dataset')} share the label {label}: "
        + ", ".join(f"{labels[one]} has the fingerprint {one[0][:12]}" for one in group)
        + "."
        for label, group in sharing.items()
        if len(group) > 1
    ]
    return labels, notes


def _numbered(label: str, group: Sequence[_Content]) -> Iterator[tuple[_Content, str]]:
    for number, one in enumerate(group, 1):
        yield one, label if number == 1 else f"{label} ({number})"
