"""Makes the description that a package index shows from README.md (Hatch's metadata hook): there it has no pictures beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)")


class Description(MetadataHookInterface):
    """README.md without what only the repository can show."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(readme)}


def description(readme: str) -> str:
    """Return a page without the paragraphs that show pictures, and with the words of each link to a file in its place."""
    paragraphs = [paragraph for paragraph in readme.split("\n\n") if "docs/images/" not in paragraph]
    return LINK.sub(r"\1", "\n\n".join(paragraphs))
