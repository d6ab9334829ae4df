#!/bin/sh
# Install the given services if they are missing: as root with apt, otherwise print the command.
# usage: requirements/services.sh [postgresql] [redis-server]
set -eu

installed() {
    case $1 in
    postgresql) command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for package in "$@"; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null
    exit 0
fi
echo "Missing:$missing. On Debian and Ubuntu: sudo apt-get install$missing" >&2
exit 1
