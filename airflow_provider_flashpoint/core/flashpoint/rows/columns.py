"""The columns of lookups: those that a new lookup has by default, their order, and what is left out of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape, TagColumn, is_within
from airflow_provider_flashpoint.errors import ConfigurationError

ALL_COLUMNS = "all"
"""In place of a list of columns: leave nothing out, and take every key of the data as a column."""

_TIMES = frozenset({"date-time", "timestamp", "time", "date", "first_seen", "last_seen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of one kind of indicators. All names are flattened.

    :param default: the columns of a new lookup, in order; empty for all keys that its first build finds.
    :param first: found columns that stand before the others of their group: types, values, times, others.
    :param last: found columns that stand at the end, with all below them; long ones, that people read last.
    :param left_out: names that rows leave out, with all below them, unless they are asked for.
    :param from_tags: columns that are taken from tags.
    :param hashes: the names that hold the value and the hashes of a file; empty where records have one value.
    """

    default: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    from_tags: tuple[TagColumn, ...] = ()
    hashes: tuple[str, ...] = ()

    def of_new_lookup(
        self,
        found: Iterable[str],
        *,
        key: str,
        times: Collection[str],
        limit: int,
        wanted: Sequence[str] | None = None,
    ) -> list[str]:
        """Return the columns of a new lookup besides its key.

        :param found: the names that the data has, those of most rows first.
        :param times: names of times.
        :param limit: the most columns by default, with the key.
        :param wanted: a list of columns, or `ALL_COLUMNS`, or None for the default.
        """
        if wanted is not None and wanted != ALL_COLUMNS:
            return list(wanted)
        default = [name for name in self.default if name != key][: limit - 1]
        if default and wanted is None:
            return default
        others = [name for name in found if name != key and name not in default]
        return [*default, *sorted(others[: limit - 1 - len(default)], key=lambda name: self._place(name, times))]

    def shape(
        self,
        *,
        key: str | None = None,
        wanted: Sequence[str] | None = None,
        existing: Collection[str] = (),
        row_per_hash: bool = False,
    ) -> RowShape:
        """Return how records become the rows of a lookup.

        :param key: the column of the lookup's key.
        :param wanted: as for `of_new_lookup`.
        :param existing: the columns of a lookup that exists, which its rows keep filling.
        :raises ConfigurationError: records have no hashes, or the key is the column of one.
        """
        if row_per_hash and (not self.hashes or key is None or key in self.hashes[1:]):
            raise ConfigurationError(
                f"row_per_hash is set, and lookup_key is {key!r}. Indicators have several hashes on ignite_v2 alone: "
                "there, set lookup_key to `value`, or to a name of its own like `hash`; otherwise remove row_per_hash."
            )
        columns = existing or (self.default if wanted is None else () if wanted == ALL_COLUMNS else wanted)
        asked = {*columns, *([key] if key else [])}
        every = wanted == ALL_COLUMNS
        return RowShape(
            left_out=() if every else tuple(name for name in self.left_out if not _holds(asked, name)),
            left_out_if_empty=tuple(name for name in _holders(self.default) if name not in asked),
            from_tags=tuple(tag for tag in self.from_tags if tag.column in asked or (every and not existing)),
            hashes=self.hashes if row_per_hash else (),
        )

    def _place(self, name: str, times: Collection[str]) -> tuple[int, int, str]:
        """Return where people look for a column: type, value, times, the others, and what stands last."""
        for place, long in enumerate(self.last):
            if is_within(name, long):
                return 4, place, name
        last = name.rpartition(".")[2]
        is_time = name in times or last in _TIMES or last.endswith(("_at", "_time", "_date"))
        group = 0 if name == "type" else 1 if is_within(name, "value") else 2 if is_time else 3
        return group, self.first.index(name) if name in self.first else len(self.first), name


def _holds(names: Iterable[str], name: str) -> bool:
    """Return whether one of ``names`` is ``name``, or lies below it."""
    return any(is_within(each, name) for each in names)


def _holders(names: Iterable[str]) -> Iterator[str]:
    """Yield the names that others lie below: a record may have null there, which is the value of no column."""
    yield from dict.fromkeys(name.rpartition(".")[0] for name in names if "." in name)


ATTRIBUTE_COLUMNS = Columns(
    first=(
        "timestamp", "first_seen", "last_seen", "first_observed_at.date-time", "header_.observed_at",
        "header_.indexed_at", "header_.ingested_at", "sort_date", "earliest_sort_date", "Event.date",
        "category", "Event.info", "Event.attack_ids", "malware_description", "Event.malware_description",
        "Event.Tags", "Event.report", "Event.reports", "reports", "Event.href", "href", "fpid", "uuid",
        "Event.fpid", "Event.uuid", "basetypes",
    ),
    last=("_meta", "enrichments", "Event.RelatedEvent", "Tag", "Event.Tag", "Galaxy", "Event.Galaxy"),
)  # fmt: skip
"""Attributes of MISP: legacy and version 1 of Ignite."""

INDICATOR_COLUMNS = Columns(
    default=(
        "value", "type", "score.value", "score.last_scored_at", "last_seen_at", "created_at", "modified_at",
        "total_sightings", "latest_sighting.source", "latest_sighting.sighted_at", "latest_sighting.tags",
        "latest_sighting.description", "mitre_attack_ids", "apt_description", "external_references", "hashes.md5",
        "hashes.sha1", "hashes.sha256", "platform_urls.ignite", "id", "malware", "actors",
    ),
    last=("malware_description", "relationships", "sightings"),
    left_out=(
        "sightings", "relationships", "malware_description", "href", "entity_type", "sort_date", "score.raw_score",
        "latest_sighting.id", "latest_sighting.href", "latest_sighting.related_iocs",
        "latest_sighting.mitre_attack_ids", "latest_sighting.apt_description", "latest_sighting.malware_description",
    ),
    from_tags=(
        TagColumn("malware", tags="latest_sighting.tags", prefix="malware:"),
        TagColumn("actors", tags="latest_sighting.tags", prefix="actor:"),
    ),
    hashes=("value", "hashes.md5", "hashes.sha1", "hashes.sha256"),
)  # fmt: skip
"""Indicators of version 2 of Ignite."""
