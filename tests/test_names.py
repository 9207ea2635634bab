"""Names as the field writes them: keys and titles, in any case and with any hyphens."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.core.names import fold
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS
from coldbench.plugins.registry import Registry

SMALL = [
    part
    for size in ("users=150", "items=120", "interactions=6000", "n=60", "k=5")
    for part in ("--set", f"synthetic.{size}")
]
MINE = '''"""Mine (you 2026, DOI 10.0/none): does nothing."""

from coldbench.plugin import Method, MethodConfig

Config = MethodConfig


class Mine(Method):
    title = "%s"
'''


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        (METHODS, "Meta-E", "meta_e"),
        (METHODS, "meta-e", "meta_e"),
        (METHODS, "META E", "meta_e"),
        (METHODS, "DropoutNet", "dropoutnet"),
        (METHODS, "Dropout-Net", "dropoutnet"),
        (BACKBONES, "Wide & Deep", "wide_deep"),
        (BACKBONES, "wide-deep", "wide_deep"),
        (BACKBONES, "DCN-V2", "dcnv2"),
        (BACKBONES, "XDEEPFM", "xdeepfm"),
        (DATASETS, "MovieLens-1M", "ml-1m"),
        (DATASETS, "movielens 1m", "ml-1m"),
        (DATASETS, "ML_1M", "ml-1m"),
        (METHODS, "nope", "nope"),
        (METHODS, "base\u200b", "base\u200b"),
        (DATASETS, "./ml-1m", "./ml-1m"),
    ],
)
def test_a_name_or_a_title_means_its_plugin_in_any_spelling(kind, text, name):
    assert Registry().key(kind, text) == name


@pytest.mark.parametrize("kind", [METHODS, BACKBONES, DATASETS])
def test_no_two_plugins_share_a_spelling_and_every_one_but_folder_and_base_has_a_title(kind):
    registry = Registry()
    titles = registry.titles(kind)
    assert set(registry.names(kind)) - set(titles) <= {"base", "folder"}
    spellings = {(fold(text), name) for name in registry.names(kind) for text in (name, titles.get(name, name))}
    assert len({spelling for spelling, _ in spellings}) == len(spellings)


def test_a_spelling_of_two_plugins_asks_which(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(MINE % "My Method")
    registry = Registry([PluginFile.read(tmp_path / f"{name}.py") for name in ("one", "two")])
    with pytest.raises(InputError, match="method 'my-method' may be one or two"):
        registry.key(METHODS, "my-method")
    assert registry.key(METHODS, "ONE") == "one"


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [
        (METHODS, "Meta-EE", "did you mean 'meta_e'?"),
        (METHODS, "AVAEV", "did you mean 'avaew'?"),
        (DATASETS, "MovieLens-2M", "did you mean 'ml-25m' (MovieLens-25M)?"),
        (BACKBONES, "Wide and Deep", "did you mean 'wide_deep'?"),
    ],
)
def test_the_hint_is_near_a_name_or_a_title(kind, text, hint):
    with pytest.raises(InputError) as error:
        Registry().spec(kind, text, {})
    assert hint in str(error.value)


def test_groups_and_variants_take_any_spelling():
    registry = Registry()
    assert registry.expand(BACKBONES, ["Paper"]) == registry.groups(BACKBONES)["paper"]
    assert registry.expand(BACKBONES, ["since"]) == ["afn", "autoint", "dcnv2", "finalmlp", "xdeepfm"]
    assert registry.groups(BACKBONES)["paper"] == ["dcn", "deepfm", "fm", "ipnn", "opnn", "wide_deep"]
    assert registry.expand(BACKBONES, ["Wide & Deep[dim=8]"]) == ["Wide & Deep[dim=8]"]


def test_the_command_line_takes_the_names_of_the_paper():
    methods = "base,DropoutNet,Meta-E[inner_lr=0.1],MWUF,CVAR,GAR,AVAEW"
    arguments = ["--methods", methods, "--backbones", "DeepFM,wide-deep", "--datasets", "SYNTHETIC", "--seeds", "1"]
    result = CliRunner().invoke(main, ["run", "--dry-run", *arguments, "--set", "Meta-E.hidden=8", *SMALL])
    assert result.exit_code == 0, result.output
    assert "14 cells" in result.output
    assert re.search(r"wide_deep / meta_e\[(hidden=8,inner_lr=0.1|inner_lr=0.1,hidden=8)\] / seed 0", result.output)


def test_a_search_takes_titles_in_its_fields_and_ranges():
    arguments = ["--methods", "AVAEW", "--fields", "AVAEW.alpha", "--space", "avaew.alpha=loguniform(0.1, 1)"]
    result = CliRunner().invoke(main, ["tune", "--dry-run", "--samples", "2", *arguments, *SMALL])
    assert result.exit_code == 0, result.output
