"""The package as it is installed: its version, and the folder that its code lies in."""

from pathlib import Path

__version__ = "0.2.0"
FOLDER = Path(__file__).parent.parent
