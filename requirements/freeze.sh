#!/bin/sh
# Resolve requirements/<name>.in and the project's dependencies, and write the pins to requirements/<name>.txt.
# usage: requirements/freeze.sh <python> <name>
set -eu
python=$1 name=$2
environment=.venv/freeze-$name
project="--editable ."
[ "$name" != docs ] || project=

"$python" -m venv --clear "$environment"
"$environment/bin/python" -m pip install -qq --disable-pip-version-check --requirement "requirements/$name.in" $project
{
    echo "# Written by \`make requirements\` from $name.in and pyproject.toml; do not edit."
    "$environment/bin/python" -m pip freeze --exclude-editable
} > "requirements/$name.txt"
rm -rf "$environment"
