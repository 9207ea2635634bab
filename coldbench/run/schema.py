"""JSON Schema of a cell's record; a file that does not validate is ignored, and its cell is computed again."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

VERSION = 2
_TEXT = {"type": "string"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_NUMBER = {"type": ["number", "null"]}  # null stands for NaN, which JSON cannot represent
_PARTS = ("dataset", "backbone", "method")


def _file(folder: str, ending: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^{folder}/[^/\\]+\.{ending}$"}  # a file inside the run folder only


RECORD = {
    "type": "object",
    "required": [
        *(
            "schema",
            *_PARTS,
            "seed",
            "protocol",
            "dataset_label",
            "labels",
            "plugins",
            "fingerprint",
            "config",
            "key",
            "phases",
        ),
        *("split", "predictions", "predictions_digest", "generation", "finished", "provenance", "digest"),
    ],
    "properties": {
        "schema": {"const": VERSION},
        **dict.fromkeys(
            (*_PARTS, "protocol", "dataset_label", "fingerprint", "key", "finished", "digest", "predictions_digest"),
            _TEXT,
        ),
        "seed": {"type": "integer", "minimum": 0},
        "generation": {"type": "integer", "minimum": 1},
        "shots": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "labels": _TEXTS | {"required": [*_PARTS]},
        "plugins": {
            "type": "object",
            "required": [*_PARTS],
            "additionalProperties": {
                "type": "object",
                "required": ["title", "citation", "departs", "defaults", "locations"],
                "properties": {
                    "title": _TEXT,
                    "citation": _TEXT,
                    "departs": _TEXT,
                    "defaults": {"type": "object"},
                    "locations": {"type": "array", "items": _TEXT},
                },
            },
        },
        "config": {
            "type": "object",
            "required": [*_PARTS, "protocol", "settings"],
            "properties": {part: {"type": "object", "required": ["name"]} for part in ("protocol", "split")},
            "additionalProperties": {"type": "object"},
        },
        "phases": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["phase", "auc", "steps", "seconds"],
                "properties": {"phase": {"type": "string", "pattern": "^(cold|warm-[abc]|[1-9][0-9]* shots?)$"}},
                "additionalProperties": _NUMBER,
            },
        },
        "split": {"type": "object", "additionalProperties": {"type": "integer"}},
        "predictions": _file("predictions", "parquet"),
        "embeddings": _file("embeddings", "npz"),
        "pretraining": {"type": "object", "properties": {"file": _file("pretrained", "npz")}},
        "fitting": {"type": "object", "properties": {"file": _file("fitted", "npz")}},
        "provenance": {
            "type": "object",
            "required": ["versions", "commit", "machine"],
            "properties": {
                "versions": _TEXTS,
                "commit": {"type": ["string", "null"]},
                "machine": {
                    "type": "object",
                    "required": ["processor", "device", "threads"],
                    "properties": {"processor": _TEXT, "device": _TEXT, "threads": {"type": "integer"}},
                },
            },
        },
    },
}
_VALIDATOR = Draft202012Validator(RECORD)


def is_record(content: Any) -> bool:
    """Whether plain values validate as a record."""
    return bool(_VALIDATOR.is_valid(content))
