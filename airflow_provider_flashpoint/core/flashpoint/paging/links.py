"""Pages by a token in the link to the next page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_flashpoint.core.flashpoint.page import REPORT, Answer, Page
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import MAX_IDLE_PAGES, PageReader, token_in
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import MalformedPageError, PagingLoopError

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Links:
    """Pages by a token in the link to the next page. The link itself is not followed: it is relative to another root.

    :param parameter: the token, in the link and in the next request.
    """

    parameter: str

    def pages(self, window: Window, reader: PageReader) -> Iterator[Page]:
        """Yield pages until one has no next page. An empty page is the end only where its next page is itself.

        :raises PagingLoopError: a next page was read before, or `MAX_IDLE_PAGES` pages in a row brought nothing new.
        """
        seen: set[str] = set()
        contents = {hash(frozenset[Any]())}  # of pages, whatever the order of their records
        idle = read = counted = 0
        parameters: dict[str, Any] = {}
        while True:
            answer = reader.read(reader.request(window, parameters), records_key=reader.endpoint.records_key)
            token = self._next(answer)
            read += len(answer.items)
            counted = max(counted, _count_in(answer))
            identities: set[Any] = set()
            for page in answer.pages():
                identities.update(map(reader.endpoint.identity, page))
                yield page
            content = hash(frozenset(identities))
            idle = idle + 1 if content in contents else 0
            contents.add(content)
            if idle >= MAX_IDLE_PAGES:
                raise PagingLoopError(
                    f"{answer.path} sent {idle} pages of {window} in a row without a new record, and names a next one. "
                    f"{REPORT}"
                )
            if token is None or (not answer.items and token == parameters.get(self.parameter)):
                if read < counted:  # no error, since the meaning of the count is not documented
                    _log.warning("%s sent %d records of %s, and counts %d.", answer.path, read, window, counted)
                return
            if token in seen:
                raise PagingLoopError(
                    f"{answer.path} sent the same next page of {window} twice, after {len(seen)} pages. {REPORT}"
                )
            seen.add(token)
            parameters = {self.parameter: token}

    def _next(self, answer: Answer) -> str | None:
        links = answer.field("links")
        if links and not isinstance(links, Mapping):
            raise MalformedPageError(
                f"{answer.path} sent links in an unknown shape; expected an object with `next`. {REPORT}"
            )
        following = links.get("next") if links else None
        link = following.get("href", following) if isinstance(following, Mapping) else following
        if not link:
            return None
        return token_in(link, self.parameter, answer.path)


def _count_in(answer: Answer) -> int:
    count = answer.field("count")
    return count if isinstance(count, int) else 0
