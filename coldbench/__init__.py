"""coldbench: an honest benchmark of item cold-start methods for CTR models."""

__version__ = "0.2.0"
