"""``python -m coldbench``."""

from coldbench.cli import main

main()
