"""``Spec``: a plugin's name and configuration, in a form that can be sent between processes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from coldbench.core.config import as_dict, label, spelled
from coldbench.plugins.file import PluginFile


@dataclass(frozen=True)
class Spec:
    """The name and resolved ``Config`` of a method, backbone, dataset or protocol.

    Unpickling a spec imports its plugin file, so only the processes that read the spec import the file.

    Attributes:
        kind: ``method``, ``backbone``, ``dataset`` or ``protocol``.
        name: The plugin's key.
        config: An instance of the plugin's ``Config``.
        file: The plugin file that defines it; None for an installed plugin.
        given: For a dataset whose N and K its data decide, the configuration before they were filled in.
    """

    kind: str
    name: str
    config: Any
    file: PluginFile | None = None
    given: Any = None

    @property
    def label(self) -> str:
        """The name, followed by the given configuration values that differ from their defaults."""
        return label(self.name, self.given or self.config)

    def split_at(self, n: int, k: int) -> Spec:
        """The dataset with the N and K of the loaded data in its configuration; its label stays."""
        return replace(self, config=replace(self.config, n=n, k=k), given=self.given or self.config)

    @property
    def full(self) -> str:
        """The name, followed by all values in full precision, defaults included."""
        return spelled(self.name, self.config)

    @property
    def located(self) -> Spec:
        """A dataset spelled out: its N and K, and absolute paths, which are the fields that equality ignores."""
        config = self.config
        paths = [field.name for field in fields(config) if not field.compare and getattr(config, field.name)]
        found = {name: str(Path(getattr(config, name)).resolve()) for name in paths}
        return replace(self, config=replace(config, **found), given=None)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.file is None:
            return Spec, (self.kind, self.name, self.config, None, self.given)
        configs = [as_dict(config) if config else None for config in (self.config, self.given)]
        return _restored, (self.kind, self.name, *configs, type(self.config).__name__, self.file)


def _restored(
    kind: str, name: str, values: dict[str, Any], given: dict[str, Any] | None, config: str, file: PluginFile
) -> Spec:
    owner = getattr(file.load(), config)
    made, before = (
        {field: tuple(value) if isinstance(value, list) else value for field, value in (each or {}).items()}
        for each in (values, given)
    )
    return Spec(kind, name, owner(**made), file, owner(**before) if given is not None else None)
