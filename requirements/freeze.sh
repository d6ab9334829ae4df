#!/bin/sh
# Resolve requirements/airflow-<line>.in and the project's own dependencies anew, and write down what came of it.
# usage: requirements/freeze.sh <python> <line>
set -eu
python=$1 line=$2
environment=.venv/freeze-$line

"$python" -m venv --clear "$environment"
"$environment/bin/python" -m pip install -qq --disable-pip-version-check --requirement "requirements/airflow-$line.in" --editable .
{
    echo "# Written by \`make requirements\` from airflow-$line.in and pyproject.toml; do not edit."
    "$environment/bin/python" -m pip freeze --exclude-editable
} > "requirements/airflow-$line.txt"
rm -rf "$environment"
