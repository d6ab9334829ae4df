"""The control plane of the Flashpoint sandbox: publish and touch documents, read the expected results."""

from __future__ import annotations

from collections.abc import Callable
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
        store = self._store
        listed = [
            ("POST", "indicators", _publishing(store.publish_indicators), "publish a list of indicators"),
            (
                "POST",
                "indicators/bulk",
                self.publish_bulk,
                "publish many: type, count, from, to, columns, seed",
            ),
            ("POST", "indicators/touch", self.touch, "make newer versions: fpid, or count and types; at"),
            ("POST", "alerts", _publishing(store.publish_alerts), "publish a list of alerts"),
            (
                "POST",
                "indicators-v2",
                _publishing(store.publish_indicators_v2),
                "publish a list of indicators of version 2",
            ),
            ("POST", "indicators-v2/touch", self.touch_v2, "make newer versions: id, or count and types; at"),
            (
                "POST",
                "notifications",
                _publishing(store.publish_notifications),
                "publish a list of notifications",
            ),
            ("POST", "credentials", _publishing(store.publish_credentials), "publish a list of credentials"),
            (
                "POST",
                "vulnerabilities",
                _publishing(store.publish_vulnerabilities),
                "publish a list of vulnerabilities",
            ),
            ("POST", "reports", _publishing(store.publish_reports), "publish a list of reports"),
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

    def publish_bulk(self, request: Request) -> Response:
        """Publish a block of plain indicators, each made when it is requested; answer 201 with the count."""
        parameters = _object(request, {"type", "count", "from", "to", "columns", "seed"})
        block = bulk_indicators(
            str(parameters["type"]),
            int(parameters["count"]),
            moment(parameters["from"]),
            moment(parameters["to"]),
            columns=int(parameters.get("columns", 20)),
            seed=int(parameters.get("seed", 0)),
        )
        self._store.publish_block(block)
        return Response.json({"published": len(block), "new": len(block)}, status=201)

    def touch(self, request: Request) -> Response:
        """Make newer versions of known indicators; answer 200 with their ids."""
        touched = self._store.touch_indicators(**_touch(request, "fpid"))
        return Response.json({"count": len(touched), "fpids": touched})

    def touch_v2(self, request: Request) -> Response:
        """Make newer versions of known indicators of version 2; answer 200 with their ids."""
        touched = self._store.touch_indicators_v2(**_touch(request, "id"))
        return Response.json({"count": len(touched), "ids": touched})

    def summary(self, request: Request) -> Response:
        """Return the number of indicators of each type, and the number of alerts, of each kind of API."""
        store = self._store
        return Response.json({
            "indicators": store.indicators.groups(),
            "alerts": len(store.alerts),
            "indicators_v2": store.indicators_v2.groups(),
            "notifications": len(store.notifications),
            "credentials": len(store.credentials),
            "vulnerabilities": len(store.vulnerabilities),
            "reports": len(store.reports),
        })

    def expected_indicators(self, request: Request) -> Response:
        """Return the newest record for each value of ``key``."""
        parameters = Parameters(request, ("type", "from", "to", "key"))
        kind = parameters.text("type")
        expected = self._store.expected_indicators(
            kind, parameters.text("key", f"value.{kind}"), _optional(parameters, "from"), _optional(parameters, "to")
        )
        return Response.json(expected.to_json())

    def expected_alerts(self, request: Request) -> Response:
        """Return ``{"count", "ids"}``, oldest first."""
        parameters = Parameters(request, ("from", "to"))
        ids = self._store.expected_alerts(_optional(parameters, "from"), _optional(parameters, "to"))
        return Response.json({"count": len(ids), "ids": ids})


def moment(text: str) -> datetime:
    """Return an ISO 8601 time as an aware one; a naive one is UTC.

    :raises ValueError: it is not ISO 8601.
    """
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _touch(request: Request, identity: str) -> dict[str, Any]:
    parameters = _object(request, {identity, "count", "types", "at"})
    types = parameters.get("types")
    return parameters | {
        "types": types.split(",") if isinstance(types, str) else types,
        "at": moment(parameters["at"]) if "at" in parameters else None,
    }


def _optional(parameters: Parameters, name: str) -> datetime | None:
    return moment(parameters.text(name)) if name in parameters else None


def _publishing(publish: Callable[[list[Any]], int]) -> Handler:
    """Return a handler that publishes the list in the body, and answers 201 with the counts."""

    def handle(request: Request) -> Response:
        documents = _list(request)
        return Response.json({"published": len(documents), "new": publish(documents)}, status=201)

    return handle


def _checked(handler: Handler) -> Handler:
    """Return the handler, which now answers an invalid request with 400 and the reason."""

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
