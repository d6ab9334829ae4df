"""Beginning anew: what it does to one stream, said before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli import airflow_side, next_run
from airflow_provider_flashpoint.cli.report import WrongUsage
from airflow_provider_flashpoint.core.state import LookupStatus

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream

_ALL_TIME = datetime.max.replace(tzinfo=UTC)


class Reset:
    """Deletes the state of one stream.

    The ledger of a lookup needs no care: a build begins one of its own and removes the others. The ledger of alerts is
    kept, since it says what is in Devo and not how far we are; ``forget_sent`` removes it as well.

    :raises WrongUsage: what was sent is to be forgotten, and the configuration does not say where that is written.
    """

    def __init__(self, stream: Stream, *, forget_sent: bool) -> None:
        self._stream = stream
        self._forget_sent = forget_sent
        if forget_sent and stream.task is None:
            raise WrongUsage(
                f"--forget-sent cannot be used for {stream.name}: the configuration does not name it, so nothing tells "
                "where its ledger is."
            )
        self._stored = (
            stream.variable in airflow_side.state_variables() or airflow_side.read_variable(stream.variable) is not None
        )

    @property
    def has_something(self) -> bool:
        """Whether there is anything to delete."""
        return self._stored or self._forget_sent

    def announcement(self) -> Iterator[str]:
        """Yield in words what will be done."""
        yield f"{self._stream.name}: the Airflow Variable {self._stream.variable} is deleted. {self._next_run()}"

    def carry_out(self) -> dict[str, Any]:
        """Do it, and return what was done. It can be done again after a failure on the way."""
        deleted = airflow_side.delete_variable(self._stream.variable)
        return {
            "name": self._stream.name,
            "variable": self._stream.variable,
            "deleted": deleted,
            "forgotten_hours": self._forget() if self._forget_sent else None,
            "next_run": self._next_run(),
        }

    def _forget(self) -> int:
        from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger

        task: Any = self._stream.task
        return EventLedger(task.directory / "ledger").prune(before=_ALL_TIME)

    def _next_run(self) -> str:
        task: Any = self._stream.task
        says = next_run.told(self._stream, None)
        if task is None:
            return says
        if self._stream.is_lookup:
            if task.lookup_status == LookupStatus.NEW:
                return says
            return (
                f"{says} What lies between the last checkpoint and then is not read. To build the lookup anew, use "
                f"`airflow-flashpoint state set {self._stream.name} --status New`."
            )
        if self._forget_sent:
            return f"{says} Those that Devo has are sent again."
        return (
            f"{says} Those that Devo confirmed are not sent again, as far as that is known: for "
            f"{task.ledger_retention.days} days."
        )
