"""Several configurations side by side: which files are read, and which of them make DAGs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import load_collector_configs
from airflow_provider_flashpoint.config.load import collector_config_paths, read_config_files
from airflow_provider_flashpoint.config.lookups import task_names
from airflow_provider_flashpoint.errors import ConfigurationError

WRONG = "flashpoint_alert: {tga: a.b}"


def alerts(name: str = "", tag: str = "") -> str:
    """Return a configuration with a name, whose alerts go into a table of their own."""
    key = f"name: {name}\n" if name else ""
    return f"{key}flashpoint_alert: {{tag: my.app.{tag or name.lower() or 'nameless'}}}"


def write(folder: Path, **texts: str) -> Path:
    """Write files; `__` in a name stands for the dot before the suffix."""
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def names(*places: Path) -> list[str | None]:
    """Return the name of each configuration that is read, None for a wrong one."""
    return [
        file.config.name if file.config else None for file in read_config_files(places) if file.config or file.error
    ]


def problems(*places: Path) -> dict[str, str]:
    return {file.path.name: str(file.error) for file in read_config_files(places) if file.error}


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG", raising=False)


class TestPlaces:
    """The variable names files and folders."""

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("", ["flashpoint_collector.yaml"]),
            (":", [":"]),
            ("a.yaml", ["a.yaml"]),
            ("a.yaml:conf", ["a.yaml", "conf"]),
            (" a.yaml : b.json ", ["a.yaml", "b.json"]),
            ("a.yaml::b.yaml:", ["a.yaml", "b.yaml"]),
            ("/etc/a.yaml:b.yaml", ["/etc/a.yaml", "b.yaml"]),
            ("with:colon.yaml", ["with:colon.yaml"]),
        ],
    )
    def test_the_variable_names_several(
        self, value: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Places are separated by `:`, unless a file has that very name; relative ones begin at the DAG folder."""
        (tmp_path / "with:colon.yaml").touch()
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", value)
        assert collector_config_paths(tmp_path) == [tmp_path / place for place in found]

    def test_a_folder_stands_for_its_configurations(self, tmp_path: Path) -> None:
        """YAML and JSON files of the collector are read, in order; hidden, foreign and other files are not."""
        write(
            tmp_path,
            b__yaml=alerts("b"),
            a__yml=alerts("a"),
            c__json='{"name": "c", "inputs": {"flashpoint_alert": {"tag": "my.app.c"}}}',
            __hidden__yaml=alerts("hidden"),
            notes__txt=alerts("text"),
            compose__yaml="services: {web: {image: x}}",
            list__yaml="[1, 2]",
        )
        (tmp_path / "more.yaml").mkdir()
        write(tmp_path / "more.yaml", d__yaml=alerts("d"))
        assert names(tmp_path) == ["a", "b", "c"]

    @pytest.mark.parametrize("text", [WRONG, "input: {flashpoint_alert: {}}", "a: [", "", "flashpoint_alrt: {}"])
    def test_a_wrong_file_of_a_folder_is_not_taken_for_a_foreign_one(self, text: str, tmp_path: Path) -> None:
        """A file that cannot be read, or has a key like the collector's, has a problem."""
        assert names(write(tmp_path, a__yaml=alerts("a"), b__yaml=text)) == [None, "a"]

    def test_a_file_that_is_named_is_never_foreign(self, tmp_path: Path) -> None:
        """Whatever stands in a file that is named, it must be a configuration."""
        write(tmp_path, compose__yaml="services: {}")
        assert "unknown key" in problems(tmp_path / "compose.yaml")["compose.yaml"]

    def test_a_folder_without_configurations(self, tmp_path: Path) -> None:
        """An empty folder, or one with foreign files alone, is a problem."""
        write(tmp_path, compose__yaml="services: {}")
        assert "the folder holds no configuration of the collector" in problems(tmp_path)[tmp_path.name]

    def test_a_file_counts_once(self, tmp_path: Path) -> None:
        """A file that is named twice, by its folder or by a link, is one configuration."""
        write(tmp_path, a__yaml=alerts("a"))
        (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
        assert names(tmp_path / "a.yaml", tmp_path, tmp_path / ".." / tmp_path.name / "a.yaml") == ["a"]

    @pytest.mark.parametrize("place", ["none.yaml", "a.yaml/b.yaml", "x" * 300, "loop"])
    def test_a_place_that_cannot_be_read_leaves_the_others(self, place: str, tmp_path: Path) -> None:
        """A missing file, a file as a folder, a long name and a link to itself are problems of that place alone."""
        write(tmp_path, a__yaml=alerts("a"))
        (tmp_path / "loop").symlink_to("loop")
        assert names(tmp_path / place, tmp_path / "a.yaml") == [None, "a"]


class TestNames:
    """Names tell configurations apart."""

    @pytest.mark.parametrize("name", ["acme", "ACME-2", "7", "a__b", "a" * 64])
    def test_names_that_dag_ids_can_hold(self, name: str, tmp_path: Path) -> None:
        """ASCII letters, digits, `_` and `-`, up to 64, are a name."""
        assert names(write(tmp_path, a__yaml=f"name: {name}\nflashpoint_alert: {{}}")) == [name]

    @pytest.mark.parametrize("name", ['""', "a b", "a.b", "../a", "é", "-a", "a_", "a" * 65, "[a]", '"a\\n"', "{{a}}"])
    def test_other_names(self, name: str, tmp_path: Path) -> None:
        """Any other name is a problem of the key `name`."""
        assert "name" in problems(write(tmp_path, a__yaml=f"name: {name}\nflashpoint_alert: {{}}"))["a.yaml"]

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        """Both are wrong, and each message names the other file; others stay."""
        write(tmp_path, a__yaml=alerts("acme"), b__yaml=alerts("Acme", "b"), c__yaml=alerts("c"))
        found = problems(tmp_path)
        assert found["a.yaml"].startswith(f"{tmp_path / 'a.yaml'}: 1 problem found.\n  name: 'acme' is the name of ")
        assert str(tmp_path / "b.yaml") in found["a.yaml"]
        assert str(tmp_path / "a.yaml") in found["b.yaml"]
        assert [name for name in names(tmp_path) if name] == ["c"]

    def test_two_without_a_name(self, tmp_path: Path) -> None:
        """Only one configuration may be without a name, also where the other one's name is null."""
        found = problems(write(tmp_path, a__yaml=alerts(), b__yaml="name:\nflashpoint_alert: {tag: my.app.b}"))
        assert f"name: missing, as in {tmp_path / 'b.yaml'} too" in found["a.yaml"]
        assert f"name: missing, as in {tmp_path / 'a.yaml'} too" in found["b.yaml"]


KEYWORDS = "flashpoint_alert: {services: {alerts: {tag: my.app.y}, keywords: {path: /k, tag: my.app.x}}}"
LOOKUP = "flashpoint_indicator: {{lookups: [{{{}: {{lookup_key: a, lookup_name: {}}}}}], devo_conn_id: {}}}"


class TestStreams:
    """One stream belongs to one configuration."""

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("flashpoint_alert: {tag: my.app.x}", "flashpoint_alert: {tag: my.app.x}"),
            ("flashpoint_alert: {}", "flashpoint_alert: {services: {alerts: {environment: test}}}".replace(
                "environment: test", "lag_s: 5")),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("url", "L", "d")),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("domain", "L", "d, flashpoint_conn_id: other")),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("url", "L", "d, flashpoint_conn_id: other")),
            (
                "flashpoint_alert: {services: {alerts: {tag: my.app.a}, keywords: {path: /k}}}",
                "flashpoint_alert: {services: {alerts: {tag: my.app.b}, keywords: {path: /k, tag: my.app.a}}}",
            ),
        ],
    )  # fmt: skip
    def test_two_writers_of_one_stream(self, first: str, second: str, tmp_path: Path) -> None:
        """The configuration without a name has the stream, wherever it stands; the other one is wrong."""
        write(tmp_path, a__yaml=f"name: acme\n{first}", b__yaml=second)
        found = problems(tmp_path)
        assert list(found) == ["a.yaml"]
        assert f"is filled by {tmp_path / 'b.yaml'} too" in found["a.yaml"]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("flashpoint_alert: {}", "flashpoint_alert: {devo_conn_id: other}"),
            ("flashpoint_alert: {}", "flashpoint_alert: {flashpoint_conn_id: other}"),
            ("flashpoint_alert: {}", "flashpoint_alert: {tag: my.app.x}"),
            ("flashpoint_alert: {}", "flashpoint_alert: {enabled: false}\nflashpoint_indicator: {enabled: false}"),
            ("flashpoint_alert: {tag: my.app.x__keywords}", KEYWORDS),
            ("flashpoint_alert: {tag: my.app.x}", KEYWORDS),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("domain", "M", "d")),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("domain", "L", "e")),
            (LOOKUP.format("domain", "L", "d"), LOOKUP.format("domain", "M", "d, flashpoint_conn_id: other")),
        ],
    )
    def test_streams_of_their_own(self, first: str, second: str, tmp_path: Path) -> None:
        """Another name, or another connection, is another stream."""
        assert names(write(tmp_path, a__yaml=first, b__yaml=f"name: b\n{second}")) == ["", "b"]

    def test_a_wrong_configuration_has_no_streams(self, tmp_path: Path) -> None:
        """A configuration is not refused for a stream of one that is refused itself."""
        write(
            tmp_path,
            a__yaml=alerts("a", "x"),
            b__yaml="name: b\nflashpoint_alert: {services: {alerts: {tag: my.app.x}, keywords: {tag: my.app.y}}}",
            c__yaml="name: c\nflashpoint_alert: {services: {alerts: {tag: my.app.z}, keywords: {tag: my.app.y}}}",
        )
        assert list(problems(tmp_path)) == ["b.yaml"]


class TestDagFiles:
    """What a DAG file gets."""

    def test_a_wrong_configuration_leaves_the_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Right configurations are returned, and the wrong one is logged with its problem."""
        write(tmp_path, a__yaml=alerts("a"), b__yaml=WRONG)
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", ".")
        with caplog.at_level(logging.ERROR):
            assert [config.name for config in load_collector_configs(tmp_path)] == ["a"]
        assert f"{tmp_path / 'b.yaml'}: 1 problem found.\n  flashpoint_alert.tga: unknown key" in caplog.text

    @pytest.mark.parametrize(("texts", "strict"), [((WRONG, WRONG), False), ((alerts("a"), WRONG), True)])
    def test_an_error_names_each_wrong_file(
        self, texts: tuple[str, str], strict: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a right configuration, or strictly, there is one error with all problems."""
        write(tmp_path, a__yaml=texts[0], b__yaml=texts[1])
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "a.yaml:b.yaml")
        with pytest.raises(ConfigurationError) as caught:
            load_collector_configs(tmp_path, strict=strict)
        assert str(caught.value).count("tga: unknown key") == texts.count(WRONG)

    def test_an_error_that_nobody_foresaw_leaves_the_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Any error of one file is a problem of that file; its text, which may hold a value, is not shown."""
        monkeypatch.setattr(
            "airflow_provider_flashpoint.config.load.read_document",
            lambda file: {"name": file.stem, "flashpoint_alert": {}} if file.stem == "a" else {}["secret"],
        )
        write(tmp_path, a__yaml="", b__yaml="")
        assert problems(tmp_path) == {"b.yaml": f"{tmp_path / 'b.yaml'}: it cannot be read (KeyError)."}
        assert [name for name in names(tmp_path) if name] == ["a"]


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (["ip-dst|port", "domain"], ["ip-dst_port", "domain"]),
        (["ip-dst|port", "ip-dst_port"], ["ip-dst_port-f558bedaacf27559", "ip-dst_port"]),
        (["a|b", "a/b"], ["a_b", "a_b-"]),
        (["Domain", "domain"], ["Domain", "domain"]),
        (["日本", "日", ".."], ["_", "_-", ".."]),
        (["|" * 245, "x" * 244 + "|", "x" * 244 + "/"], ["_", "x" * 244 + "_", "x" * 200 + "-"]),
    ],
)
def test_types_have_task_names_of_their_own(types: list[str], found: list[str]) -> None:
    """A name is the type with `_` for other characters; a type that has another one's name gets a digest as well."""
    names_of_types = task_names(types)
    assert len(set(names_of_types.values())) == len(types)
    for indicator_type, start in zip(types, found, strict=True):
        name = names_of_types[indicator_type]
        assert name.startswith(start) if start.endswith("-") else name == start
        assert len(name) <= 245
