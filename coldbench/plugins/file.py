"""Plugin files outside the source tree: their text is digested, sent to workers and executed."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import re
import sys
import threading
import traceback
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import cast

from coldbench.core.errors import InputError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")  # a plugin's name, which file names and table rows contain
PREFIX = "coldbench_plugin_"  # of the names that plugin files are imported under
_SLOW = 10.0  # seconds after which an unfinished import is reported
_LARGEST = 2**20  # bytes of a plugin's source


@dataclass(frozen=True)
class PluginFile:
    """The text of a Python file, which any process can execute without access to the file itself.

    Attributes:
        path: Where the file was read, for messages and tracebacks.
        source: The content of the file.
    """

    path: str
    source: str

    @classmethod
    def read(cls, path: Path) -> PluginFile:
        """Reads a plugin file.

        Raises:
            InputError: If it is not a readable Python file, or its name is not a valid plugin name.
        """
        if path.suffix != ".py" or not NAME.fullmatch(path.stem):
            raise InputError(
                f"plugin {str(path)!r} should be a Python file named after its method, such as my_method.py "
                "(letters, digits, - and _, a letter first)"
            )
        try:
            if path.stat().st_size > _LARGEST:
                raise InputError(f"plugin {path} is larger than a megabyte; that is no source file")
            return cls(str(path), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"plugin {path} is no Python source: byte {error.start} is no UTF-8") from None
        except OSError as error:
            raise InputError(f"plugin {path} cannot be read ({error.strerror})") from None

    @property
    def stem(self) -> str:
        """The file's name without its extension."""
        return Path(self.path).stem

    @property
    def module(self) -> str:
        """The name it is imported under, equal in all processes; files of one name but other content stay distinct."""
        return f"{PREFIX}{self.stem}_{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"

    def load(self) -> ModuleType:
        """Imports the source under the name ``module``, once per process.

        Raises:
            InputError: If the source raises; the message says what, and on which line.
        """
        if self.module in sys.modules:
            return sys.modules[self.module]
        loader = _Loader(self)
        spec = importlib.util.spec_from_file_location(self.module, self.path, loader=loader)
        module = importlib.util.module_from_spec(cast(ModuleSpec, spec))
        sys.modules[self.module] = module  # dataclasses and pickle look it up there
        slow = threading.Timer(_SLOW, lambda: print(f"plugin {self.path} is still being imported", file=sys.stderr))
        slow.daemon = True
        slow.start()
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[self.module]
            raise InputError(f"plugin {self.path} cannot be imported: {explained(error, self.path)}") from None
        finally:
            slow.cancel()
        return module


class _Loader(importlib.abc.InspectLoader):
    """An import loader that takes a module's source from a ``PluginFile``."""

    def __init__(self, file: PluginFile) -> None:
        self.file = file

    def get_source(self, fullname: str) -> str:
        return self.file.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.file.source, self.file.path)


def explained(error: BaseException, *paths: str) -> str:
    """Formats an exception in one line, with the last line of the given files that its traceback contains."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        where = "" if error.lineno is None else f" in line {error.lineno}"
        return f"{type(error).__name__}{where}: {error.msg}"
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in paths]
    where = f" (line {lines[-1].lineno}, in {lines[-1].name})" if lines else ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{where}"
