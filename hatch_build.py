"""The parts of the metadata that the build derives: the description and the addresses of the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^]]+)\]\((?!\w+:|#)([^)]+)\)")


class ProjectMetadata(MetadataHookInterface):
    """Adds the README, whose relative links lead nowhere on the page of a package, and the addresses.

    Airflow shows the address of the documentation beside the provider.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls``; without a ``repository`` there are no addresses."""
        repository, tag = self.config["repository"], f"v{metadata['version']}"
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_links(text, repository, tag)}
        files = {"Documentation": "README.md", "Changelog": "CHANGELOG.md"}
        addresses = {name: f"{repository}/blob/{tag}/{file}" for name, file in files.items()} | {"Source": repository}
        metadata["urls"] = addresses if repository else {}


def with_links(text: str, repository: str, tag: str) -> str:
    """Return a text of Markdown whose relative links lead to a repository; without one, they become plain text."""

    def link(found: re.Match[str]) -> str:
        is_image, label, target = found.groups()
        if not repository:
            return "" if is_image else label
        return f"{is_image}[{label}]({repository}/{'raw' if is_image else 'blob'}/{tag}/{target})"

    return _LINK.sub(link, text)
