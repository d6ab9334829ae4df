"""Location of the configuration file, and reading of YAML and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from airflow_provider_flashpoint.config import (
    collector_config_path,
    load_collector_config,
    parse_collector_config,
)
from airflow_provider_flashpoint.errors import ConfigurationError

GOOD = """
inputs:
  flashpoint_alert: {id: 0123, initial_start_time: 2023-02-07T00:00:00Z, max_rejects: 5}
"""


def write(folder: Path, text: str | bytes, name: str = "collector.yaml") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_collector_config(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    return text.removeprefix(f"{file}: ")


class TestPath:
    """Choice of the file."""

    def test_beside_the_dag_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By default the file is in the DAG folder."""
        monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG", raising=False)
        assert collector_config_path("/dags") == Path("/dags/flashpoint_collector.yaml")

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            ("/etc/c.json", "/etc/c.json"),
            ("conf/c.yaml", "/dags/conf/c.yaml"),
            (" ", "/dags/flashpoint_collector.yaml"),
        ],
    )
    def test_by_the_variable(self, value: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable names the file. A relative path begins at the DAG folder, on every worker."""
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", value)
        assert collector_config_path("/dags") == Path(path)

    @pytest.mark.parametrize("value", ["~nosuchuser/c.yaml", "~nosuchuser", "~ /c.yaml", "~~/c.yaml", "~é/c.yaml"])
    def test_an_unknown_user(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A path of a user whom the machine does not have is refused with the name of the variable."""
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", value)
        with pytest.raises(ConfigurationError, match=f"^FLASHPOINT_COLLECTOR_CONFIG begins with a user.*{value}"):
            collector_config_path("/dags")

    def test_a_folder_is_searched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a folder, the variable chooses the file."""
        write(tmp_path, GOOD, "other.yaml")
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "other.yaml")
        assert load_collector_config(tmp_path).alerts is not None

    def test_a_file_is_taken_as_it_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable does not apply if a file is given."""
        file = write(tmp_path, GOOD)
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "/nowhere")
        assert load_collector_config(file).alerts is not None

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """The message names the path of the file, and how to change it, whether the variable named it or not."""
        message = refusal(tmp_path / "collector.yaml")
        assert message.startswith("there is no such file.")
        assert "name another path in FLASHPOINT_COLLECTOR_CONFIG; several paths are joined by ':'." in message


@pytest.mark.usefixtures("loader")
class TestYaml:
    """YAML, with both loaders."""

    def test_numbers_and_times_stay_what_was_written(self, tmp_path: Path) -> None:
        """An id keeps its leading zero, and a time without quotes is a time."""
        alerts = load_collector_config(write(tmp_path, GOOD)).alerts
        assert alerts is not None
        assert alerts.id == "0123"
        assert alerts.initial_start_time is not None
        assert alerts.max_rejects == 5

    def test_json_is_read_alike(self, tmp_path: Path) -> None:
        """The same content in JSON gives the same configuration."""
        content = {"inputs": {"flashpoint_alert": {"id": "1", "max_rejects": 5, "heal_gaps": False}}}
        from_yaml = load_collector_config(write(tmp_path, yaml.safe_dump(content)))
        from_json = load_collector_config(write(tmp_path, json.dumps(content), "collector.json"))
        assert from_yaml == from_json == parse_collector_config(content)

    def test_anchors_and_merges(self, tmp_path: Path) -> None:
        """Parts of the file may be shared by anchors, aliases and merges."""
        text = """
inputs:
  flashpoint_indicator:
    lookups:
      - domain: &settings {lookup_key: value.domain, max_rejects: 3}
      - url: {<<: *settings, lookup_key: value.url}
"""
        config = load_collector_config(write(tmp_path, text))
        assert config.indicators is not None
        assert [(lookup.lookup_key, lookup.max_rejects) for lookup in config.indicators.lookups] == [
            ("value.domain", 3),
            ("value.url", 3),
        ]

    def test_a_repeated_key(self, tmp_path: Path) -> None:
        """All repeated keys are named with path and line."""
        text = """
inputs:
  flashpoint_indicator:
    lookups:
      - domain: {lookup_key: a, lookup_key: b}
    id: 1
    id: 2
"""
        assert refusal(write(tmp_path, text)).splitlines() == [
            "2 problems found.",
            "  inputs.flashpoint_indicator.id: the key is there twice, again in line 7; keep one.",
            "  inputs.flashpoint_indicator.lookups[0].domain.lookup_key: "
            "the key is there twice, again in line 5; keep one.",
        ]

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("inputs:\n  a: hunter2: x\n", "line 2, column 13: "),
            ("inputs: {hunter2\n", "line 1, column 9: "),
            ("inputs:\n\ta: hunter2\n", "line 2, column 1: "),
            ("inputs: *hunter2\n", "line 1, column 9: "),
            ("inputs: !hunter2 x\n", "line 1, column 9: "),
            ("inputs: !!python/object/apply:os.system [hunter2]\n", "line 1, column 9: "),
            ("inputs: 'hunter2\n", "line 1, column 9: "),
            ("a: 1\n--- \nhunter2: 2\n", "line 2, column 1: "),
            ("? [hunter2]\n: 1\n", "line 1, column 3: "),
        ],
    )
    def test_a_syntax_error(self, tmp_path: Path, text: str, place: str) -> None:
        """The message gives line and column, and no content of the file, which may be a secret."""
        message = refusal(write(tmp_path, text))
        assert message.startswith(f"{place}not valid YAML: ")
        assert "hunter2" not in message

    @pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
    def test_an_empty_file(self, tmp_path: Path, text: str) -> None:
        """A file without content is refused."""
        assert refusal(write(tmp_path, text)).startswith((
            "the file is empty; it must hold a mapping",
            "1 problem found.\n  the file holds null",
        ))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: \x00\n", "not valid YAML: character 3 is one that YAML does not allow."),
            ("a: !!int hunter2\n", "not valid YAML: a tagged value cannot be read; remove its tag."),
        ],
    )
    def test_other_defects(self, tmp_path: Path, text: str, message: str) -> None:
        """Other defects of YAML have a message too."""
        assert refusal(write(tmp_path, text)) == message

    def test_deep_nesting(self, tmp_path: Path) -> None:
        """A file that is nested too deeply for Python is refused, without a crash."""
        assert "hunter2" not in refusal(write(tmp_path, "[" * 2000 + "hunter2" + "]" * 2000))

    def test_aliases_that_multiply_are_not_followed(self, tmp_path: Path) -> None:
        """A small file that would expand to billions of items is refused at once."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
        assert "a11: unknown key" in refusal(write(tmp_path, "\n".join(lines)))


class TestJson:
    """JSON, chosen by the name of the file."""

    def test_a_repeated_key(self, tmp_path: Path) -> None:
        """A repeated key is named with its path."""
        message = refusal(write(tmp_path, '{"inputs": {"flashpoint_alert": {"id": 1, "id": 2}}}', "c.json"))
        assert message == "1 problem found.\n  inputs.flashpoint_alert.id: the key is there twice; keep one."

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"inputs": hunter2}', "line 1, column 12: not valid JSON: Expecting value."),
            ('{"a": 1,\n}', "line 1, column 8: not valid JSON: a comma before the end."),
            ('{"a": [1,\n\n]}', "line 1, column 9: not valid JSON: a comma before the end."),
            (
                '{"a": "hunter2"\n\n  "b": 1}',
                "line 1, column 15: not valid JSON: a comma or a bracket is missing after this.",
            ),
            ('{"a": \n}', "line 1, column 5: not valid JSON: Expecting value."),
            ('{"a": 1', "line 1, column 7: not valid JSON: a comma or a bracket is missing after this."),
            ("[" * 100_000, "not valid JSON: it is nested too deeply."),
            ('{"a": ' + "1" * 5000 + "}", "not valid JSON: a number cannot be read."),
        ],
    )
    def test_a_syntax_error(self, tmp_path: Path, text: str, message: str) -> None:
        """The message gives line and column, and no content of the file."""
        found = refusal(write(tmp_path, text, "c.JSON"))
        assert found.startswith(message)
        assert "hunter2" not in found


def test_a_byte_order_mark_is_allowed(tmp_path: Path) -> None:
    """Files that Windows editors saved as UTF-8 can be read."""
    assert load_collector_config(write(tmp_path, b"\xef\xbb\xbfflashpoint_alert: {}\n")).alerts is not None


def test_another_encoding(tmp_path: Path) -> None:
    """The message for another encoding names the position, and shows no bytes of the file."""
    assert refusal(write(tmp_path, b"id: \xff\xfe")) == "byte 4 is not UTF-8; save the file as UTF-8."


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The message has the reason of the operating system."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "flashpoint_collector.yaml").mkdir()
    with pytest.raises(ConfigurationError, match="the file cannot be read: Is a directory"):
        load_collector_config(tmp_path / "sub")
