"""Addresses of the staging storage: each means one path, or is refused with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.staging.storage import local_path, uri_of
from airflow_provider_flashpoint.errors import ConfigurationError


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:///data/a#b", "/data/a#b"),
        ("file:///data/a?b=c", "/data/a?b=c"),
        ("file:///data/a%20b", "/data/a b"),
        ("file:///data/a%23b", "/data/a#b"),
        ("file:///data/100%25", "/data/100%"),
        ("file:/data/a", "/data/a"),
        ("file://localhost/data/a", "/data/a"),
        ("FILE:///data/a", "/data/a"),
        ("file://~/flashpoint", "/home/me/flashpoint"),
        ("~/flashpoint", "/home/me/flashpoint"),
        ("~/a#b%20c", "/home/me/a#b%20c"),
        ("/data/~/a", "/data/~/a"),
        ("/data/a%20b", "/data/a%20b"),
        ("/data/a#b", "/data/a#b"),
        ("/data/a?b", "/data/a?b"),
        ("/data/a:b/s3://c", "/data/a:b/s3:/c"),
    ],
)
def test_an_address_means_one_path(address: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is literal except for `~`, a URI may escape characters, and nothing of either is dropped."""
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path(address) == Path(path)


@pytest.mark.parametrize("address", ["s3://bucket/a#b", "s3://aws_default@bucket/a", "gs://bucket", "abfs://c@d/e"])
def test_an_address_of_an_object_store_is_no_path(address: str) -> None:
    """Another scheme than `file` is left to Airflow."""
    assert local_path(address) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("file://var/flashpoint", "names the machine var, .*'file://var/flashpoint'. Write file:///var/flashpoint,"),
        ("file://user:hunter2@var/x", "names the machine var, .*Write file:///var/x,"),
        ("file:data/x", "is not a folder by its whole path"),
        ("data/flashpoint", "is not a folder by its whole path: 'data/flashpoint'. Write one such as /data/flashpoint"),
        ("$HOME/flashpoint", "is not a folder by its whole path"),
        ("file:///", "is not a folder by its whole path"),
        ("file://", "is not a folder by its whole path"),
        ("/", "is not a folder by its whole path"),
        ("", "is not a folder by its whole path"),
        ("/data/a\nb", "is not a folder by its whole path"),
        ("file:///data/%00", "is not a folder by its whole path"),
        ("~nosuchuser/x", "begins with a user that this machine does not have: '~nosuchuser/x'"),
        ("file://~nosuchuser/x", "begins with a user that this machine does not have"),
        ("s3:///key", "names no bucket: 's3:///key'. Write s3://<connection>@<bucket>/<key>"),
        ("s3://key:hunter2@/x", "names no bucket"),
        ("s3:bucket/x", "names no bucket"),
        ("s3://[x", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(address: str, said: str) -> None:
    """The message has the cause, the address without its password, and the remedy."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        local_path(address)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["a#b", "a b", "a%20b", "a?b", "~", "é", "a:b", "a@b"])
def test_the_address_of_a_path_leads_back_to_it(name: str, tmp_path: Path) -> None:
    """Another task finds a stage by its address, whatever characters the folder has."""
    assert local_path(uri_of(tmp_path / name)) == tmp_path / name
