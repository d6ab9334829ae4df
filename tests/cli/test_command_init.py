"""`airflow-flashpoint init`: from an installed package, or a collector's file, to the files of a DAG folder."""

from __future__ import annotations

import base64
import contextlib
import json
import shlex
from configparser import DuplicateSectionError
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_flashpoint.cli.init.questions import Questions
from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.config.dag_files import DEFAULT_TYPES
from airflow_provider_flashpoint.core.flashpoint.api import Api
from tests.cli.conftest import Outcome, Terminal, call

DAGS = Path(__file__).parents[2] / "dags"
FILES = {file.name for file in DAGS.glob("*.py")} | {"flashpoint_collector.yaml"}
TOKEN = base64.b64encode(b"made-up-legacy-token").decode()
COLLECTOR: dict[str, Any] = {
    "globals": {"id": "acme"},
    "outputs": {
        "devo_eu": {
            "type": "devo_platform",
            "config": {
                "address": "collector-eu.devo.io", "port": 443, "type": "SSL", "chain": "chain.crt", "cert": "acme.crt",
                "key": "acme.key",
            },
        },
        "console": {"type": "console"},
    },
    "inputs": {
        "flashpoint_indicator": {
            "id": "12345",
            "credentials": {"bearer_token_base64": TOKEN},
            "services": {"indicators": {"lookups": [{"md5": {"lookup_key": "value.md5", "lookup_status": "New"}}]}},
        },
        "flashpoint_alert": {"id": "12346", "credentials": {"bearer_token_base64": TOKEN}, "services": {"alerts": {}}},
    },
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A DAG folder that does not exist, as on a fresh Airflow."""
    return tmp_path / "dags"


@pytest.fixture
def collector(tmp_path: Path) -> Path:
    """The file of a collector, with its certificates where its container has them."""
    (tmp_path / "config").mkdir()
    (tmp_path / "certs").mkdir()
    for name in ("chain.crt", "acme.crt"):
        (tmp_path / "certs" / name).write_text("made up")
    file = tmp_path / "config" / "collector.json"
    file.write_text(json.dumps(COLLECTOR))
    return file


def init(folder: Path, *arguments: object, answer: str = "") -> Outcome:
    return call("init", "--folder", folder, *arguments, answer=answer)


def lookups(folder: Path) -> list[str]:
    config = load_collector_config(folder)
    return [lookup.indicator_type for lookup in config.indicators.lookups] if config.indicators else []


def test_the_files_of_the_package_are_written(folder: Path) -> None:
    """Without answers, the DAG files and the example of a configuration are written as they are."""
    outcome = init(folder)
    assert outcome.exit_code == 0, outcome
    assert {file.name for file in folder.iterdir()} == FILES
    assert all((folder / name).read_bytes() == (DAGS / name).read_bytes() for name in FILES)


def test_the_default_types_are_those_of_the_example() -> None:
    """The types that `init` offers for Ignite are those of the file in `dags/`."""
    assert lookups(DAGS) == [*DEFAULT_TYPES[Api.IGNITE_V2]]


def test_options_choose_types_and_generation(folder: Path) -> None:
    """The configuration has the chosen types, keeps its comments, and is valid for the API generation."""
    outcome = init(folder, "--api", "legacy", "--types", "ip-dst|port, sha256", "--no-alerts", "--yes")
    assert outcome.exit_code == 0, outcome
    assert lookups(folder) == ["ip-dst|port", "sha256"]
    assert load_collector_config(folder).alerts is None
    text = (folder / "flashpoint_collector.yaml").read_text()
    assert "# For all lookups. A lookup can override them." in text
    assert call("config", "validate", folder / "flashpoint_collector.yaml", "--api", "legacy").exit_code == 0


def test_questions_choose_the_same(folder: Path) -> None:
    """What no option says is asked: generation, types, alerts, Devo's host and domain."""
    outcome = init(folder, answer="legacy\nmd5,sha1\nyes\ncollector-eu.devo.io\nacme\n")
    assert lookups(folder) == ["md5", "sha1"]
    assert load_collector_config(folder).alerts is not None
    assert outcome.err.count("\n") == 0 and outcome.err.count("?") == 1
    assert "--conn-host https://fp.tools" in outcome.out
    assert "--conn-host collector-eu.devo.io" in outcome.out
    assert '"domain": "acme"' in outcome.out


def test_none_leaves_the_lookups_off(folder: Path) -> None:
    """Alerts alone are a configuration too; nothing at all is not."""
    assert init(folder, "--types", "none", "--yes").exit_code == 0
    config = load_collector_config(folder)
    assert config.indicators is None and config.alerts is not None
    assert init(folder.with_name("other"), "--types", "none", "--no-alerts").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [("--types", "md5"), ("--api", "ignite_v3"), ("--connections",), ("--devo-host", "https://devo.io", "--yes")],
)
def test_wrong_options_write_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    """A type that the API generation lacks, a host that is none, or options that do not fit, are refused."""
    assert init(folder, *arguments).exit_code in {1, 2}
    assert not folder.exists()


def test_a_wrong_answer_writes_nothing(folder: Path) -> None:
    """An answer that is none of the choices is named with the choices."""
    outcome = init(folder, answer="ignite\n")
    assert outcome.exit_code == 2
    assert "'ignite' is not one of legacy, ignite_v1, ignite_v2." in outcome.err
    assert not folder.exists()


def test_no_file_is_overwritten_without_force(folder: Path) -> None:
    """Files that exist are named, and all stay; with --force they are written."""
    init(folder)
    (folder / "flashpoint_collector.yaml").write_text("mine")
    (folder / "flashpoint_alert.py").unlink()
    outcome = init(folder)
    assert outcome.exit_code == 2
    assert f"{folder} has flashpoint_collector.yaml already." in outcome.err
    assert not (folder / "flashpoint_alert.py").exists()
    assert init(folder, "--force").exit_code == 0
    assert (folder / "flashpoint_collector.yaml").read_text() != "mine"


def test_an_upgrade_writes_the_dag_files_alone(folder: Path) -> None:
    """With --dags-only the configuration stays, and DAG files that are missing come."""
    folder.mkdir()
    (folder / "flashpoint_collector.yaml").write_text("mine")
    assert init(folder, "--dags-only").exit_code == 0
    assert {file.name for file in folder.iterdir()} == FILES
    assert (folder / "flashpoint_collector.yaml").read_text() == "mine"


def test_the_steps_are_commands(folder: Path) -> None:
    """The report ends with the commands to type next, in their order; those of the connections have every field."""
    steps = init(folder, "--api", "ignite_v1", "--yes", "--json").json["steps"]
    words = [shlex.split(step, comments=True) for step in steps]
    add, devo = words[:2]
    assert add[:4] == ["airflow", "connections", "add", "flashpoint_default"]
    assert json.loads(add[-1]) == {"api": "ignite_v1"}
    assert {*json.loads(devo[-1])} == {"cert", "private_key", "chain", "domain"}
    assert words[2:] == [
        ["airflow-flashpoint", "check"],
        ["airflow", "dags", "reserialize"],
        ["airflow", "dags", "unpause", "flashpoint_indicator"],
        ["airflow", "dags", "unpause", "flashpoint_alert"],
    ]


def test_an_unknown_cloud_needs_the_address_of_its_lookups(folder: Path) -> None:
    """Where the address of the Lookups API does not follow from the host, the command asks for it."""
    assert "api_base_url" in init(folder, "--devo-host", "relay.acme.example", "--yes").out
    assert "api_base_url" not in init(folder.with_name("us"), "--yes").out


def test_another_configuration_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the DAGs read another file than the new one, a note says so."""
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "/etc/acme.yaml")
    assert "the DAGs read /etc/acme.yaml, not the new" in init(folder).out


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A DAG folder that is a file is an error with its path."""
    (tmp_path / "file").touch()
    outcome = init(tmp_path / "file" / "dags")
    assert outcome.exit_code == 1
    assert f"{tmp_path / 'file' / 'dags'} cannot be written" in outcome.err


@pytest.mark.parametrize("api", ["legacy", "ignite_v2"])
def test_a_collectors_file_is_brought_along(folder: Path, collector: Path, api: str) -> None:
    """Its lookups are those of the API generation; its secrets and outputs are in no file and no output."""
    outcome = init(folder, "--from", collector, "--api", api, "--yes")
    assert outcome.exit_code == 0, outcome
    assert lookups(folder) == [{"legacy": "md5", "ignite_v2": "file"}[api]]
    text = (folder / "flashpoint_collector.yaml").read_text()
    assert {*yaml.safe_load(text)} == {"inputs"}
    assert TOKEN not in text + outcome.out + outcome.err
    assert "--conn-host collector-eu.devo.io" in outcome.out
    assert f'"cert": "{collector.parents[1] / "certs" / "acme.crt"}"' in outcome.out
    assert "note: outputs.console is not used: it is of type console, not devo_platform." in outcome.out


@pytest.mark.parametrize(
    ("comment", "is_kept"),
    [
        ("# Ours: see the wiki", True),
        ("# bearer_token: old", False),
        ("# old: api_token: old", False),
        ("# was api_token = old", False),
        ("# bearer token old", False),
        ("# The API key was old", False),
        ("# acme_token old", False),
        ("# Authorization: Bearer old", False),
        ("# its Credential\n# old", False),
        (f"# {TOKEN}", False),
    ],
)
def test_a_collectors_comments_stay_unless_they_may_hold_a_secret(
    folder: Path, collector: Path, comment: str, is_kept: bool
) -> None:
    """Comments of YAML are kept; if one has a token, or the name of a secret anywhere, none is, as a note says."""
    source = collector.with_suffix(".yaml")
    source.write_text(f"# Ours.\n{comment}\n{yaml.safe_dump(COLLECTOR)}")
    outcome = init(folder, "--from", source, "--yes")
    assert outcome.exit_code == 0
    text = (folder / "flashpoint_collector.yaml").read_text()
    assert [each in text for each in ("# Ours.", comment)] == [is_kept, is_kept]
    assert ("note: The comments of the file are not kept" in outcome.out) is not is_kept


def test_a_wrong_port_of_an_output_is_named(folder: Path, collector: Path) -> None:
    """A port that is no number is an error with its path in the file."""
    collector.write_text(collector.read_text().replace("443", '"https"'))
    outcome = init(folder, "--from", collector, "--yes")
    assert "outputs.devo_eu.config.port: 'https' is not a number." in outcome.err


def test_an_output_of_another_shape_is_named(folder: Path, collector: Path) -> None:
    """A config that is no mapping is an error with its path in the file."""
    document = json.loads(collector.read_text())
    document["outputs"]["devo_eu"]["config"] = ["collector-eu.devo.io"]
    collector.write_text(json.dumps(document))
    outcome = init(folder, "--from", collector, "--yes")
    assert outcome.exit_code == 1
    assert "outputs.devo_eu.config: a list is not allowed; give a mapping." in outcome.err


def test_the_end_of_the_input_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D at the question for a secret leaves it empty, as at the other questions."""
    ended = Terminal()
    monkeypatch.setattr("sys.stdin", ended)

    def end(prompt: str, stream: object) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", end)
    assert Questions(ended).secret("Token") == ""
    assert ended.getvalue() == "\n"


PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *(f"MadeUpLineOfAKey{number}" * 3 for number in range(9)), "-----END"])
PASTED = [PEM, PEM.replace("\n", " "), PEM.partition("\n")[2], base64.b64encode(PEM.encode()).decode()]


def with_key(collector: Path, key: str) -> None:
    """Write the text of a private key into the file of a collector, in place of its path."""
    document = json.loads(collector.read_text())
    document["outputs"]["devo_eu"]["config"]["key"] = key
    collector.write_text(json.dumps(document))


@pytest.mark.parametrize("key", PASTED)
def test_the_text_of_a_key_is_not_shown(folder: Path, collector: Path, key: str) -> None:
    """A key in place of its path is in no note and no command, which asks for the path."""
    with_key(collector, key)
    outcome = init(folder, "--from", collector, "--yes")
    assert outcome.exit_code == 0, outcome
    assert not any(part in outcome.out + outcome.err for part in (key[40:60], "MadeUpLine", "BEGIN"))
    assert '"private_key": "<path of the private key>"' in outcome.out


@pytest.mark.airflow
class TestConnections:
    """`--connections` adds both connections to Airflow's database."""

    @pytest.fixture(autouse=True)
    def no_connections(self, airflow: None, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Remove both connections before and after each test."""
        from airflow_provider_flashpoint.airflow_runtime import database

        def remove() -> None:
            from airflow.models import Connection

            with database.open_session() as session:
                session.query(Connection).delete()  # noqa: AIR311

        for name in ("FLASHPOINT", "DEVO"):
            monkeypatch.delenv(f"AIRFLOW_CONN_{name}_DEFAULT", raising=False)
        remove()
        yield
        remove()

    def test_both_connections_come_from_the_collectors_file(self, folder: Path, collector: Path) -> None:
        """Token, address, certificates and the answers are in the connections, and their secrets in no output."""
        from airflow_provider_flashpoint.hooks import DevoHook, FlashpointHook

        outcome = init(folder, "--from", collector, "--connections", answer="legacy\nacme\nmade-up-lookups-token\n")
        assert outcome.exit_code == 0, outcome
        flashpoint, devo = FlashpointHook().settings(), DevoHook().settings()
        assert (flashpoint.base_url, flashpoint.token) == ("https://fp.tools", "made-up-legacy-token")
        assert (devo.host, devo.port, devo.domain) == ("collector-eu.devo.io", 443, "acme")
        assert devo.token == "made-up-lookups-token"
        certs = collector.parents[1] / "certs"
        assert (devo.cert, devo.chain) == (str(certs / "acme.crt"), str(certs / "chain.crt"))
        assert devo.private_key == str(collector.parent / "certs" / "acme.key")
        assert "note: acme.key is not at" in outcome.out
        assert "connections add" not in outcome.out
        shown = outcome.out + outcome.err + (folder / "flashpoint_collector.yaml").read_text()
        assert not any(secret in shown for secret in (TOKEN, "made-up-legacy-token", "made-up-lookups-token"))

    @pytest.mark.parametrize("key", PASTED)
    def test_the_text_of_a_key_is_taken_as_it_is(self, folder: Path, collector: Path, key: str) -> None:
        """The connection has a key in place of its path, and no output has it."""
        from airflow_provider_flashpoint.hooks import DevoHook

        with_key(collector, key)
        outcome = init(folder, "--from", collector, "--api", "legacy", "--connections", "--yes")
        assert outcome.exit_code == 0, outcome
        assert DevoHook().settings().private_key == key
        assert key[40:60] not in outcome.out + outcome.err

    def test_a_folder_that_cannot_be_written_gets_no_connections(self, folder: Path, collector: Path) -> None:
        """A failed command leaves no connections, so that the next one still asks for their tokens."""
        from airflow_provider_flashpoint.airflow_runtime import installation

        folder.touch()
        outcome = init(folder / "dags", "--from", collector, "--api", "legacy", "--connections", "--yes")
        assert outcome.exit_code == 1
        assert "cannot be written" in outcome.err
        assert not any(map(installation.has_connection, ("flashpoint_default", "devo_default")))

    def test_ignite_needs_another_token(self, folder: Path, collector: Path) -> None:
        """The collector's token is of legacy, so without one of Ignite the command of its connection is shown."""
        outcome = init(folder, "--from", collector, "--api", "ignite_v2", "--connections", "--yes")
        assert "Added to Airflow: devo_default." in outcome.out
        assert "airflow connections add flashpoint_default" in outcome.out

    def test_a_connection_that_exists_stays(
        self, folder: Path, collector: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A connection that tasks find already is not touched, and needs no step."""
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", '{"conn_type": "devo", "host": "mine"}')
        outcome = init(folder, "--from", collector, "--api", "legacy", "--connections", "--yes")
        assert "note: The connection devo_default exists, and stays as it is." in outcome.out
        assert "Added to Airflow: flashpoint_default." in outcome.out
        assert "connections add" not in outcome.out

    def test_the_dag_folder_is_that_of_airflow(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without --folder, the files go where Airflow's configuration says, and other commands find them there."""
        from airflow.providers.common.compat.sdk import conf

        monkeypatch.chdir(folder.parent)
        monkeypatch.setenv("AIRFLOW_HOME", str(folder.parent))
        for name in ("AIRFLOW__CORE__DAGS_FOLDER", "FLASHPOINT_COLLECTOR_CONFIG"):
            monkeypatch.delenv(name, raising=False)
        folder = folder.with_name("elsewhere")
        with contextlib.suppress(DuplicateSectionError):
            conf.add_section("core")
        conf.set("core", "dags_folder", str(folder))
        try:
            assert call("init", "--yes").exit_code == 0
            assert {file.name for file in folder.iterdir()} == FILES
            assert call("config", "validate", "--json").json["file"] == str(folder / "flashpoint_collector.yaml")
        finally:
            conf.remove_option("core", "dags_folder")

    @pytest.mark.parametrize(("bundle", "is_local"), [("LocalDagBundle", True), ("GitDagBundle", False)])
    def test_the_dag_bundles_of_airflow_decide(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, bundle: str, is_local: bool
    ) -> None:
        """The files go where the local DAG bundle is; if Airflow reads from elsewhere, the folder must be named."""
        bundles = [{"name": "mine", "classpath": f"bundles.{bundle}", "kwargs": {"path": str(folder)}}]
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
        outcome = call("init", "--yes")
        assert outcome.exit_code == (0 if is_local else 2)
        assert folder.exists() is is_local
        assert is_local or "--folder" in outcome.err
