"""From `pip install` to filled lookups: the commands of README's "Use it", in a fresh environment, on the sandbox.

``python -m tests.fresh_install --airflow 3.3.2`` builds the wheel, makes an environment, and runs the commands as they
stand there, with the sandbox's values in the place of placeholders. It exits with 0 if Devo then holds what Flashpoint
served. Only ``airflow standalone`` is replaced, by components that listen on the loopback interface.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from demo.airflow_lab import AirflowLab
from sandbox.generations import IGNITE_V2
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts, judge_lookup

PROJECT = Path(__file__).parents[1]
TYPES = ("domain", "url", "ipv4", "ipv6")
START_AIRFLOW = "airflow standalone"
_PATIENCE_S = 900.0  # for a machine that has much else to do
_FENCE = re.compile(r"^ *```\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks() -> list[str]:
    """Return the commands of README's "Use it", a text for each block."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Use it\n")[2].partition("\n## ")[0]
    return [re.sub(r"^ {3}", "", found, flags=re.MULTILINE) for found in _FENCE.findall(section)]


def values(sandbox: Sandbox, airflow: str, python: str) -> dict[str, str]:
    """Return what stands in README for what a reader has, and the sandbox's own."""
    flashpoint, devo = sandbox.flashpoint.airflow_connection(), sandbox.devo.airflow_connection()
    certificates = sandbox.devo.certificates
    return {
        "python3 -m venv": f"{python} -m venv",
        "apache-airflow==3.3.2": f"apache-airflow=={airflow}",
        # The host of the sandbox does not say which API generation it serves.
        "https://api.flashpoint.io": f"""{flashpoint["host"]} --conn-extra '{{"api": "ignite_v2"}}'""",
        "<API token>": flashpoint["password"],
        "collector-us.devo.io": devo["host"],
        "--conn-port 443": f"--conn-port {devo['port']}",
        "<token of the Lookups API>": devo["password"],
        "/certs/my.crt": str(certificates.client_cert),
        "/certs/my.key": str(certificates.client_key),
        "/certs/chain.crt": str(certificates.chain),
        # The host of the sandbox is in none of Devo's clouds.
        '"<domain>"': f'"{devo["extra"]["domain"]}", "api_base_url": "{devo["extra"]["api_base_url"]}"',
    }


def filled(texts: list[str], known: Mapping[str, str]) -> list[str]:
    """Return the blocks with the sandbox's values.

    :raises SystemExit: one of them has no place in the blocks.
    """
    if missing := [name for name in known if not any(name in text for text in texts)]:
        raise SystemExit(f"README no longer has {', '.join(missing)}.")
    for name, value in known.items():
        texts = [text.replace(name, value) for text in texts]
    return texts


def run(block: str, environment: Mapping[str, str]) -> str:
    """Run the commands of a block in the home's environment; return their output.

    :raises SystemExit: one of them failed.
    """
    sys.stdout.write("".join(f"$ {line}\n" for line in block.splitlines()))
    sys.stdout.flush()
    activate = "if [ -f ~/airflow-env/bin/activate ]; then . ~/airflow-env/bin/activate; fi"
    begun = time.monotonic()
    done = subprocess.run(
        ["bash", "-ec", f"{activate}\n{block}"],
        cwd=environment["HOME"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(f"{done.stdout[-3000:]}[{time.monotonic() - begun:.0f} s]\n\n")
    sys.stdout.flush()
    if done.returncode:
        raise SystemExit(f"This command of README fails (exit code {done.returncode}):\n{block}\n{done.stderr[-4000:]}")
    return done.stdout


def environment_of(home: Path, pins: Path | None) -> dict[str, str]:
    """Return the environment of a person who has this wheel, and no Airflow."""
    dist = home / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    ours = re.compile(r"AIRFLOW|FLASHPOINT|PYTHON|VIRTUAL_ENV|PIP_CONSTRAINT")
    inherited = {name: value for name, value in os.environ.items() if not ours.match(name)}
    lines = pins.read_text(encoding="utf-8").splitlines() if pins else []
    constraints = home / "constraints.txt"
    wheel = next(dist.glob("*.whl"))
    constraints.write_text("\n".join([*lines, f"airflow-provider-flashpoint @ {wheel.as_uri()}", ""]), encoding="utf-8")
    quiet = {
        "PIP_QUIET": "1",
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    return {**inherited, **quiet, "HOME": str(home), "PIP_CONSTRAINT": str(constraints)}


def problems(sandbox: Sandbox) -> Iterator[str]:
    """Yield how Devo differs from what Flashpoint served."""
    missing = [name for kind in TYPES if (name := default_lookup_name(kind)) not in {*sandbox.devo.lookups.names()}]
    yield from (f"there is no lookup {name}" for name in missing)
    for kind in () if missing else TYPES:
        lookup = judge_lookup(sandbox, default_lookup_name(kind), indicator_type=kind, generation=IGNITE_V2)
        if not (lookup.is_good and lookup.served):
            yield str(lookup)
    alerts = judge_alerts(sandbox, DEFAULT_TAG, generation=IGNITE_V2)
    if not (alerts.is_good and alerts.served):
        yield str(alerts)


def follow(sandbox: Sandbox, home: Path, options: argparse.Namespace) -> None:
    """Run README's commands; return once Devo holds what Flashpoint served.

    :raises SystemExit: a command failed.
    :raises LabError: Airflow failed, or Devo was not filled in time.
    """
    environment = environment_of(home, options.constraints and PROJECT / options.constraints)
    texts = filled(blocks(), values(sandbox, options.airflow, options.python))
    start = texts.index(f"{START_AIRFLOW}\n")
    for text in texts[:start]:
        run(text, environment)
    airflow_home = home / "airflow"
    lab = AirflowLab(
        airflow_home,
        airflow_home / "dags",
        python=home / "airflow-env/bin/python",
        environment={"AIRFLOW__CORE__FERNET_KEY": fernet_key(airflow_home), "HOME": str(home)},
    )
    try:
        lab.migrate()
        lab.start()
        lab.wait_healthy(_PATIENCE_S)
        lab.wait_until(
            lambda: not [*problems(sandbox)], _PATIENCE_S, "Devo to be filled", lambda: "\n".join(problems(sandbox))
        )
        for text in texts[start + 1 :]:
            shown = run(text, environment)
        if shown.count("Created") < len(TYPES):
            raise SystemExit("`state show` does not show the lookups as Created.")
    finally:
        lab.stop()


def fernet_key(airflow_home: Path) -> str:
    """Return the key with which the commands have stored the connections."""
    text = (airflow_home / "airflow.cfg").read_text(encoding="utf-8")
    found = re.search(r"^fernet_key = (\S*)$", text, re.MULTILINE)
    return found[1] if found else ""


def main() -> int:
    """Follow README on one version of Airflow; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fresh_install", description=__doc__)
    parser.add_argument("--airflow", required=True, help="the version to install, such as 3.3.2")
    parser.add_argument("--python", default="python3", help="the interpreter of the new environment (%(default)s)")
    parser.add_argument(
        "--constraints", type=lambda text: Path(text).resolve(), help="pins, such as requirements/airflow-3.3.txt"
    )
    options = parser.parse_args()
    end = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fresh-install-") as home, Sandbox() as sandbox:
        store = sandbox.flashpoint.store
        IGNITE_V2.indicators.publish(store, 7, 600, end - timedelta(hours=6), end, types=(*TYPES, "file"))
        IGNITE_V2.alerts.publish(store, 7, 60, end - timedelta(hours=6), end)
        # `python -m airflow` would import the package of the working directory.
        with contextlib.chdir(home):
            follow(sandbox, Path(home), options)
    sys.stdout.write(
        f"Airflow {options.airflow}: README leads to filled lookups, in {time.monotonic() - begun:.0f} s.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
