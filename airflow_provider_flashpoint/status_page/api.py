"""The web application of the status page, behind Airflow's login and the permissions on DAGs."""

# No `from __future__ import annotations`: FastAPI reads the annotations.
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError
from airflow_provider_flashpoint.status_page.actions import ACTIONS, fill_sentence, offers
from airflow_provider_flashpoint.streams.deployed import DeployedStream, deployed_streams, history, overview
from airflow_provider_flashpoint.streams.rejected import rejected_records

_STATIC = Path(__file__).parent / "static"
_FILES = {file.name: file for file in _STATIC.iterdir() if file.suffix in {".css", ".html", ".js"}}
_HEADERS = {
    # The page needs its own files and nothing else. Airflow shows it in a frame.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_RUNS = 288  # a day of five-minute runs
_MOST_RUNS = 2016

app = FastAPI(
    dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)


def stream_of(dag_id: str, task_id: str) -> DeployedStream:
    """Return the stream of a path. The permission on its DAG is checked before."""
    for found in deployed_streams({dag_id}):
        if found.writer.task_id == task_id:
            return found
    raise HTTPException(404, f"The DAG {dag_id} has no task {task_id} that writes a lookup or a table.")


Stream = Annotated[DeployedStream, Depends(stream_of)]
_READ = [Depends(requires_access_dag("GET"))]
_READ_LOGS = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS))]
_EDIT = [Depends(requires_access_dag("PUT")), Depends(requires_access_dag("POST", DagAccessEntity.RUN))]
_STREAM = "/api/dags/{dag_id}/tasks/{task_id}"


def from_this_page(request: Request) -> None:
    """Refuse a request that another site may have made a browser send, with the cookie of the user."""
    if request.headers.get("X-Flashpoint-Action") != "yes":
        raise HTTPException(403, "The header X-Flashpoint-Action is missing, which the status page sends.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPException(403, "The request comes from another site.")


@app.middleware("http")
async def with_headers(request: Request, call_next: Any) -> Response:
    """Add the headers of all answers."""
    answer: Response = await call_next(request)
    answer.headers.update(_HEADERS)
    return answer


@app.exception_handler(FlashpointProviderError)
def as_answer(_: Request, error: FlashpointProviderError) -> JSONResponse:
    """Answer with an error of this provider."""
    return JSONResponse({"detail": str(error)}, status_code=500)


@app.get("/api/streams")
def streams(user: GetUserDep) -> dict[str, Any]:
    """Return where the streams of all DAGs stand that the user may read."""
    now = datetime.now(UTC)
    found = deployed_streams(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))
    return {"now": now.isoformat(), "streams": overview(found, now)}


@app.get(f"{_STREAM}/history", dependencies=_READ)
def stream_history(
    stream: Stream, user: GetUserDep, runs: Annotated[int, Query(ge=1, le=_MOST_RUNS)] = _RUNS
) -> dict[str, Any]:
    """Return the newest runs of a stream, the gaps between what they covered, and the actions of the user."""
    found = history(stream, datetime.now(UTC), limit=runs)
    if stream.writer.dag_id not in get_auth_manager().get_authorized_dag_ids(user=user, method="PUT"):
        return {**found, "actions": []}
    gaps = [{**gap, "fill": fill_sentence(stream, gap)} for gap in found["gaps"]]
    return {**found, "gaps": gaps, "actions": offers(stream)}


@app.get(f"{_STREAM}/rejected", dependencies=_READ_LOGS)
def rejected(stream: Stream) -> dict[str, Any]:
    """Return the newest rejected records of a stream, to who may read the logs of its DAG."""
    return rejected_records(stream)


@app.post(
    f"{_STREAM}/actions/{{name}}",
    dependencies=[Depends(from_this_page), *_EDIT, Depends(action_logging(event="flashpoint_status_page"))],
)
def act(name: str, stream: Stream, user: GetUserDep, body: Annotated[dict[str, Any], Body()]) -> dict[str, str]:
    """Perform an action on a stream, and return what was done."""
    action = ACTIONS.get(name)
    if action is None or (action.for_lookups_only and not stream.stream.is_lookup):
        raise HTTPException(404, f"{stream.title} has no action {name}.")
    try:
        return {"done": action.act(stream, body, user.get_name())}
    except ConfigurationError as error:
        raise HTTPException(409, str(error)) from error


@app.get("/{name:path}")
def file(name: str) -> Response:
    """Return a file of the page."""
    found = _FILES.get(name or "index.html")
    if found is None:
        raise HTTPException(404, "The status page has no such file.")
    return FileResponse(found)
