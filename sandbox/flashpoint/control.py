"""The control plane of the Flashpoint sandbox: publish documents, touch them, ask what is expected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.dataset.documents import bulk_indicators
from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.query import Parameters
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.connection import CONTROL
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.server import Handler, Route


class FlashpointControl:
    """Answers under ``/__sandbox__/`` about the documents of a store."""

    def __init__(self, store: FlashpointStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes."""
        listed = [
            ("POST", "indicators", self.publish_indicators, "publish a list of indicators"),
            (
                "POST",
                "indicators/bulk",
                self.publish_bulk,
                "publish many: type, count, from, to, columns, seed",
            ),
            ("POST", "indicators/touch", self.touch, "make newer versions: fpid, or count and types; at"),
            ("POST", "alerts", self.publish_alerts, "publish a list of alerts"),
            ("GET", "summary", self.summary, "how many documents there are"),
            (
                "GET",
                "expected/indicators",
                self.expected_indicators,
                "the newest records: type, key, from, to",
            ),
            ("GET", "expected/alerts", self.expected_alerts, "the ids of the alerts: from, to"),
        ]
        return [
            Route(method, f"{CONTROL}/{path}", _checked(handler), summary) for method, path, handler, summary in listed
        ]

    def publish_indicators(self, request: Request) -> Response:
        """Publish the list in the body: 201 with the counts."""
        documents = _list(request)
        new = self._store.publish_indicators(documents)
        return Response.json({"published": len(documents), "new": new}, status=201)

    def publish_alerts(self, request: Request) -> Response:
        """Publish the list in the body: 201 with the counts."""
        documents = _list(request)
        new = self._store.publish_alerts(documents)
        return Response.json({"published": len(documents), "new": new}, status=201)

    def publish_bulk(self, request: Request) -> Response:
        """Publish many plain indicators, made when they are asked for: 201 with the count."""
        asked = _object(request, {"type", "count", "from", "to", "columns", "seed"})
        block = bulk_indicators(
            str(asked["type"]),
            int(asked["count"]),
            moment(asked["from"]),
            moment(asked["to"]),
            columns=int(asked.get("columns", 20)),
            seed=int(asked.get("seed", 0)),
        )
        self._store.publish_block(block)
        return Response.json({"published": len(block), "new": len(block)}, status=201)

    def touch(self, request: Request) -> Response:
        """Make newer versions of known indicators: 200 with their ids."""
        asked = _object(request, {"fpid", "count", "types", "at"})
        types = asked.get("types")
        touched = self._store.touch_indicators(
            fpid=asked.get("fpid"),
            count=asked.get("count"),
            types=types.split(",") if isinstance(types, str) else types,
            at=moment(asked["at"]) if "at" in asked else None,
        )
        return Response.json({"count": len(touched), "fpids": touched})

    def summary(self, request: Request) -> Response:
        """Return how many indicators of each type and how many alerts there are."""
        indicators = self._store.indicators.groups()
        return Response.json({"indicators": indicators, "alerts": len(self._store.alerts)})

    def expected_indicators(self, request: Request) -> Response:
        """Return the newest record of each value of ``key``."""
        asked = Parameters(request, ("type", "from", "to", "key"))
        kind = asked.text("type")
        expected = self._store.expected_indicators(
            kind, asked.text("key", f"value.{kind}"), _optional(asked, "from"), _optional(asked, "to")
        )
        return Response.json(expected.to_json())

    def expected_alerts(self, request: Request) -> Response:
        """Return ``{"count", "ids"}``, oldest first."""
        asked = Parameters(request, ("from", "to"))
        ids = self._store.expected_alerts(_optional(asked, "from"), _optional(asked, "to"))
        return Response.json({"count": len(ids), "ids": ids})


def moment(text: str) -> datetime:
    """Return an ISO 8601 time as an aware one; a naive one is UTC.

    :raises ValueError: it is not ISO 8601.
    """
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _optional(asked: Parameters, name: str) -> datetime | None:
    return moment(asked.text(name)) if name in asked else None


def _checked(handler: Handler) -> Handler:
    """Return the handler, answering 400 with the reason where the request makes no sense."""

    def checked(request: Request) -> Response:
        try:
            return handler(request)
        except KeyError as error:
            raise Refusal(400, {"detail": f"The request lacks {error}"}) from error
        except (InvalidSettingError, TypeError, ValueError) as error:
            raise Refusal(400, {"detail": str(error)}) from error

    return checked


def _list(request: Request) -> list[dict[str, Any]]:
    value = request.json()
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refusal(400, {"detail": "The body is a list of objects"})
    return value


def _object(request: Request, allowed: set[str]) -> dict[str, Any]:
    value = request.json()
    if not isinstance(value, dict) or not set(value) <= allowed:
        raise Refusal(400, {"detail": f"The body is an object that may have {', '.join(sorted(allowed))}"})
    return value
