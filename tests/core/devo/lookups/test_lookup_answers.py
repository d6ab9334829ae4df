"""Answers of the Lookups API that report an error under status 200, and jobs in the shapes that clients know."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from devo_peers import FakeClock

from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.jobs import is_under_way, job_id, job_ids, job_status
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.lookups.words import JobState
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.errors import FlashpointProviderError, RejectedError, ServerError, TransientError

NAME = "Colors"
BEFORE = {"name": NAME, "status": "Available", "rows": 1, "updated": 1}
UPDATING = {**BEFORE, "status": "Updating"}
DONE, FAILED, RUNNING = JobState.DONE, JobState.FAILED, JobState.RUNNING


class ScriptedDevo:
    """Accepts each change with ``accepted``; ``metadata`` after the change, the last one for ever."""

    def __init__(self, accepted: Any, *, metadata: list[Any], before: Any = BEFORE, job: Any = None) -> None:
        self.accepted = accepted
        self.metadata = [before, *metadata]
        self.job = job
        self.changes = 0

    def read_json(self, request: Request) -> Any:
        *_, last = request.path.split("/")
        if last == "job":
            answer = None
        elif "/job/" in request.path:
            answer = self.job
        elif not self.changes:
            answer = self.metadata[0]
        else:
            self.metadata = self.metadata[1:] if len(self.metadata) > 1 else self.metadata
            answer = self.metadata[0]
        if answer is None:
            raise RejectedError("There is nothing.", status=404)
        return answer

    def send(self, request: Request) -> Any:
        self.changes += 1
        body = self.accepted if isinstance(self.accepted, bytes) else json.dumps(self.accepted).encode()
        return type("Response", (), {"content": body})


@pytest.fixture
def run(clock: FakeClock) -> Callable[..., Any]:
    """Return a function that deploys to a scripted Devo, or drops the lookup."""

    def run(devo: ScriptedDevo, operation: Operation | None = Operation.REPLACE) -> Any:
        client = LookupsClient(devo, domain="d", clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
        if operation is None:
            return client.drop(NAME)
        file = io.BytesIO(b"key,_extra\n")
        return client.deploy(NAME, columns=[], key="key", csv_file=file, operation=operation)

    return run


@pytest.mark.parametrize("operation", [*Operation, None])
@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ({"error": {"message": "quota exceeded"}}, RejectedError, "quota exceeded"),
        ({"error": "quota exceeded"}, RejectedError, "quota exceeded"),
        ({"errors": [{"msg": "quota exceeded"}]}, RejectedError, "quota exceeded"),
        ({"errors": {"line 7": "quota exceeded"}}, RejectedError, "quota exceeded"),
        ({"status": "error", "message": "quota exceeded"}, RejectedError, "quota exceeded"),
        ({"status": 400, "msg": "quota exceeded"}, RejectedError, "quota exceeded"),
        ({"success": False, "message": "quota exceeded"}, RejectedError, "quota exceeded"),
        ({"id": "7", "error": {"message": "quota exceeded"}}, RejectedError, "quota exceeded"),
        ({"error": {"code": 503, "message": "overloaded"}}, ServerError, "overloaded"),
    ],
)
def test_error_under_status_200_is_no_success(
    run: Callable[..., Any],
    operation: Operation | None,
    answer: Any,
    error: type[FlashpointProviderError],
    reason: str,
) -> None:
    """If the answer to a change is an error, it is raised, although the metadata of the lookup change as intended."""
    after = None if operation is None else {**BEFORE, "rows": 2, "updated": 2}
    with pytest.raises(error, match=reason):
        run(ScriptedDevo(answer, metadata=[after]), operation)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": None, "id": "7"},
        {"errors": [], "message": "submitted"},
        {"error": "none"},
        {"error": False},
        {"errorCount": 0},
        {"status": 200, "message": "ok"},
        {"status": "ok", "success": True},
        {"message": "The request was submitted to the Lookups Manager."},
        b"",
        b"no JSON",
    ],
)
def test_answer_without_an_error_is_an_acceptance(run: Callable[..., Any], answer: Any) -> None:
    """An answer with empty error fields is an acceptance; the lookup shows the end."""
    assert run(ScriptedDevo(answer, metadata=[UPDATING, {**BEFORE, "updated": 2}])).state is DONE


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "out of order"}},
        {"error": {"code": 500, "message": "out of order"}},
        {"errors": ["out of order"]},
        {"msg": "out of order", "code": 502},
        {"success": False, "msg": "out of order"},
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        LookupsClient.check,
        lambda client: list(client.lookups()),
        lambda client: client.exists(NAME),
        lambda client: client.metadata(NAME),
    ],
)
def test_error_under_status_200_is_no_content(read: Callable[[LookupsClient], Any], answer: Any) -> None:
    """An error in place of a list or of metadata is raised: it is no empty list, and no lookup."""
    devo = ScriptedDevo({}, metadata=[], before=answer)
    with pytest.raises(ServerError, match="out of order"):
        read(LookupsClient(devo, domain="d"))  # type: ignore[arg-type]


def test_missing_lookup_under_status_200() -> None:
    """An error whose own status is 404 means that there is no lookup."""
    devo = ScriptedDevo({}, metadata=[], before={"error": {"code": 404, "message": "not found"}})
    assert not LookupsClient(devo, domain="d").exists(NAME)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (Operation.REPLACE, BEFORE, {**BEFORE, "updated": 2}),
        (Operation.APPEND, BEFORE, {**BEFORE, "description": "a new one"}),
        (Operation.DELETE, BEFORE, {**BEFORE, "queryCount": 8}),
        (Operation.APPEND, BEFORE, {**BEFORE, "owner": "another"}),
        (Operation.REPLACE, BEFORE, None),
        (Operation.CREATE, None, None),
        (None, BEFORE, {**BEFORE, "rows": 2}),
        (None, BEFORE, BEFORE),
    ],
)
def test_change_for_another_reason_is_no_success(
    run: Callable[..., Any], clock: FakeClock, operation: Operation | None, before: Any, after: Any
) -> None:
    """An accepted change without a visible job fails soon, if the metadata change without proving its end."""
    start = clock.now
    devo = ScriptedDevo({}, metadata=[after], before=before)
    with pytest.raises(TransientError, match="has listed no job of it"):
        run(devo, operation)
    assert clock.now - start < 120


@pytest.mark.parametrize(
    ("operation", "before", "metadata"),
    [
        (Operation.CREATE, None, [None, BEFORE]),
        (Operation.APPEND, BEFORE, [{**BEFORE, "rows": 2}]),
        (Operation.REPLACE, BEFORE, [{**BEFORE, "columns": ["key"]}]),
        (Operation.REPLACE, BEFORE, [{**BEFORE, "rowCount": 5}]),
        (Operation.REPLACE, BEFORE, [UPDATING, {**BEFORE, "updated": 2}]),
        (Operation.REPLACE, {"name": NAME, "size": 1}, [{"name": NAME, "size": 2}]),
        (None, BEFORE, [{**BEFORE, "status": "Deleting"}, None]),
    ],
)
@pytest.mark.parametrize("job", [None, {"jobs": [{"code": "XYZZY"}]}])
def test_content_proves_the_end(
    run: Callable[..., Any], operation: Operation | None, before: Any, metadata: list[Any], job: Any
) -> None:
    """If the job is not visible or its status is unknown, the lookup itself proves that the change has ended."""
    accepted = {"id": "7"} if job else {}
    result = run(ScriptedDevo(accepted, metadata=metadata, before=before, job=job), operation)
    assert result is True or result.state is DONE


CREATED = "Lookup successfully created"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"jobs": [{"code": "create.ok", "msg": CREATED}]}, DONE),
        ({"jobs": [{"status": "create.ok", "msg": CREATED}]}, DONE),
        ({"status": [{"code": "create.ok", "msg": CREATED}]}, DONE),
        ([{"code": "create.err", "msg": "out of space"}], FAILED),
        ({"jobs": [{"msg": CREATED}]}, DONE),
        ({"jobs": [{"code": "create.start"}, {"code": "create.ok"}]}, DONE),
        ({"jobs": [{"code": "push.ok"}]}, DONE),
        ({"jobs": [{"code": "push.err"}]}, FAILED),
        ({"jobs": [{"code": "push.start"}]}, RUNNING),
        ({"jobs": [{"code": 200, "msg": "Lookup successfully updated"}]}, DONE),
        ({"code": "update.ok"}, DONE),
        ({"data": {"code": "delete.ok"}}, DONE),
        ([{"msg": "The creation of the lookup failed: out of space"}], FAILED),
        ([{"message": "The lookup could not be created"}], FAILED),
        ([{"msg": "Lookup updated without errors"}], DONE),
        ([{"msg": "Lookup Failed_Logins_Invalid successfully created"}], DONE),
        ([{"code": "create.ok", "msg": "Lookup Failed_Logins successfully created"}], DONE),
        ([{"msg": "UPLOAD_FAILED"}], FAILED),
        ({"jobs": [{"id": "6", "code": "create.err"}, {"id": "7", "code": "create.ok"}]}, DONE),
        ({"jobs": [{"id": "6", "code": "create.ok"}, {"id": "7", "code": "create.start"}]}, RUNNING),
    ],
)
def test_job_in_the_shape_that_clients_read(answer: Any, state: JobState) -> None:
    """The end of a job is read from codes, statuses and sentences, in each shape that clients of the real API know."""
    status = job_status(answer, "7")
    assert (status.state, status.known) == (state, True)


@pytest.mark.parametrize(
    "answer",
    [
        {"jobs": [{"msg": "Lookup request received"}]},
        {"jobs": [{"msg": "The lookup will be created"}]},
        {"jobs": [{"msg": "The lookup is not created yet"}]},
        {"jobs": [{"msg": "Lookup is being updated"}]},
        {"jobs": []},
        {"jobs": [{"code": "create.maybe"}]},
        {"jobs": [{"name": "Failed_Logins_Created"}]},
        {"x": {"y": 1}},
        [17],
    ],
)
def test_unknown_status_is_shown_soon(run: Callable[..., Any], clock: FakeClock, answer: Any) -> None:
    """An unknown status of a job, without a proof, fails after about a minute, with Devo's answer as it came."""
    start = clock.now
    entry = answer.get("jobs", answer) if isinstance(answer, Mapping) else answer
    shown = json.dumps(entry[0] if isinstance(entry, list) and entry else answer)
    with pytest.raises(TransientError) as caught:
        run(ScriptedDevo({"id": "7"}, metadata=[BEFORE], job=answer))
    assert shown in str(caught.value)
    assert 60 <= clock.now - start < 120


def test_lookup_under_way_is_waited_for(run: Callable[..., Any], clock: FakeClock) -> None:
    """While the lookup itself is updated, a job with an unknown status is waited for, up to the usual time."""
    start = clock.now
    metadata = [UPDATING] * 30 + [{**BEFORE, "updated": 2}]
    assert run(ScriptedDevo({"id": "7"}, metadata=metadata, job={"x": 1})).state is DONE
    assert clock.now - start > 120


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": "COMPLETED", "errors": ["line 7: no IP address"]}, "line 7: no IP address"),
        ({"status": "COMPLETED", "errors": [{"loc": ["7"], "msg": "no IP address"}]}, "7: no IP address"),
        ({"statuses": [{"status": "COMPLETED"}], "errors": ["line 7"]}, "line 7"),
        ({"statuses": [{"status": "COMPLETED", "error": {"message": "line 7"}}]}, "line 7"),
        ({"jobs": [{"code": "create.ok", "errors": {"7": "no IP address"}}]}, "no IP address"),
        ({"status": "COMPLETED", "errorCount": 3}, "errorCount"),
        ({"status": "COMPLETED", "failures": ["line 7"]}, "line 7"),
        ({"status": "COMPLETED", "details": {"errors": ["line 7"]}}, "line 7"),
        ({"status": "COMPLETED", "parts": [{"rows": 5}, {"errors": ["line 7"]}]}, "line 7"),
        ({"jobs": [{"code": "create.ok", "report": {"csv": {"errorMessages": ["line 7"]}}}]}, "line 7"),
        ({"data": {"errors": ["line 7"]}, "status": "COMPLETED"}, "line 7"),
        ({"status": "COMPLETED", "msg": "3 rows had errors: line 7"}, "line 7"),
        ({"jobs": [{"code": "create.ok", "msg": "Completed with errors in line 7"}]}, "line 7"),
        ({"status": "COMPLETED_WITH_ERRORS", "message": "line 7"}, "line 7"),
        ({"error": {"message": "out of space"}}, "out of space"),
    ],
)
def test_end_with_errors_is_a_failure(run: Callable[..., Any], answer: Any, reason: str) -> None:
    """A job that is completed and lists errors has failed, and the error names them."""
    with pytest.raises((RejectedError, ServerError), match=reason):
        run(ScriptedDevo({"id": "7"}, metadata=[{**BEFORE, "rows": 2}], job=answer))


@pytest.mark.parametrize(
    "errors",
    [None, [], "", 0, False, {}, "none", "[]", [None], [""], [{}], {"count": 0}, {"count": 0, "list": []}, "No", 0.0],
)
def test_empty_list_of_errors_is_none(errors: Any) -> None:
    """A completed job with an empty list of errors has succeeded."""
    assert job_status({"status": "COMPLETED", "errors": errors}).state is DONE
    assert job_status({"status": "COMPLETED", "details": [{"errors": errors}]}).state is DONE


def test_errors_of_another_job_are_not_ours() -> None:
    """In a list of jobs, only the errors of our job count."""
    jobs = [{"id": "6", "code": "create.ok", "errors": ["line 7"]}, {"id": "7", "code": "create.ok"}]
    assert job_status({"jobs": jobs}, "7").state is DONE
    assert job_status({"jobs": jobs}, "6").state is FAILED


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ({"status": "COMPLETED", "errors": ["line 7"]}, "The rows without an error may be in the lookup."),
        ({"status": "FAILED", "errors": ["line 7"]}, "The old content stays."),
    ],
)
def test_what_a_job_with_errors_leaves_is_said(run: Callable[..., Any], answer: Any, content: str) -> None:
    """A completed job may have changed the lookup in spite of its errors, and the message does not deny that."""
    with pytest.raises(RejectedError) as caught:
        run(ScriptedDevo({"id": "7"}, metadata=[BEFORE], job=answer))
    assert str(caught.value).endswith(content)


@pytest.mark.parametrize("missing", [None, "", " ", "\u200b", 0, -1, False, True, [], {}, {"id": ""}], ids=str)
def test_blank_id_of_a_job_is_none(missing: Any) -> None:
    """The id of a job follows the rule of all ids: the first one that identifies something counts."""
    assert job_id({"jobId": missing}) is None
    assert job_id({"jobId": missing, "id": 7}) == "7"
    assert job_ids([missing, {"jobId": missing}, "a", 8]) == ["a", "8"]


@pytest.mark.parametrize("before", [{}, [], ""])
def test_lookup_that_devo_said_nothing_about_proves_nothing(run: Callable[..., Any], before: Any) -> None:
    """Where the lookup was not described before the change, its description afterwards is no proof of the end."""
    devo = ScriptedDevo({"id": "7"}, metadata=[BEFORE], before=before, job={"x": 1})
    with pytest.raises(TransientError, match="do not show its end"):
        run(devo)


def test_running_job_with_errors_is_under_way() -> None:
    """Errors of a job that still runs do not end it."""
    assert is_under_way(job_status({"status": "RUNNING", "errors": ["line 7"]}))
