"""The window of a run: the period that the run is for, and the window that is read for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window, as_utc

_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunWindow:
    """The window of a run.

    ``window`` is the window to read. ``covered`` is the window that a checkpoint may claim afterwards, without the lag.
    ``rule`` names the rule that chose the window and the reason for an earlier start. An ``explicit`` window was given
    by a person.
    """

    window: Window
    covered: Window
    rule: str
    explicit: bool

    def __str__(self) -> str:
        return f"{self.window}, by {self.rule}"

    def leaves_no_gap(self, checkpoint: datetime | None) -> bool:
        """Return whether a checkpoint may move to the end of this window.

        An explicit window that begins after the checkpoint must not move it: the gap would never be read.
        """
        return not self.explicit or (checkpoint is not None and self.covered.start <= checkpoint)

    def over(self, start: datetime, end: datetime) -> RunWindow:
        """Return this window, extended to a deployment whose end is not known."""
        wider = replace(self, window=self.window.widened_to(start), covered=self.covered.widened_to(start)).up_to(end)
        return self if wider == self else replace(wider, rule=f"{self.rule}, with a deployment that did not end")

    def up_to(self, checkpoint: datetime | None) -> RunWindow:
        """Return this window, extended to the checkpoint if that is later."""
        if checkpoint is None or checkpoint <= self.window.end:
            return self
        return replace(
            self,
            window=Window(self.window.start, checkpoint),
            covered=Window(self.covered.start, checkpoint),
            rule=f"{self.rule}, up to the checkpoint",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPeriod:
    """The period that a run is for, and how far its window may begin earlier.

    :param initial_start: where a new lookup or event table begins, None if nothing defines it.
    :param heal_gaps: begin at the checkpoint if that lies before the period.
    """

    window: Window
    rule: str
    explicit: bool
    lag: timedelta = timedelta()
    initial_start: datetime | None = None
    heal_gaps: bool = True

    def to_read(self, *, build: bool, checkpoint: datetime | None) -> RunWindow:
        """Return the window to read.

        :param build: the lookup or event table is new, so reading begins at the initial start time.
        """
        window, rule = self.window, self.rule
        if self.explicit:
            return RunWindow(window, window, rule, explicit=True)
        if build and self.initial_start is not None and as_utc(self.initial_start) < window.start:
            window = window.widened_to(self.initial_start)
            return RunWindow(window, window, f"{rule}, from the initial start time", explicit=False)
        complete_to = as_utc(checkpoint) if checkpoint is not None and self.heal_gaps else None
        if complete_to is not None and window.end <= complete_to:
            return RunWindow(window, window, f"{rule}, delivered before", explicit=False)
        if complete_to is not None and complete_to < window.start:
            window = window.widened_to(complete_to)
            rule = f"{rule}, from the last checkpoint"
        lagged = window.widened_to(window.start - min(self.lag, window.start - _EARLIEST))
        return RunWindow(lagged, window, f"{rule}, with a lag of {self.lag}", explicit=False)


@dataclass(frozen=True, slots=True)
class LookupProgress:
    """The stored state of a lookup, None if there is none, and the status that this run uses."""

    state: LookupState | None
    status: LookupStatus

    @property
    def checkpoint(self) -> datetime | None:
        """The time up to which the lookup is complete."""
        return self.state.to_checkpoint_time if self.state else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the lookup that this run adds to; none where it builds one."""
        return self.state.columns if self.state and self.status is LookupStatus.CREATED else ()

    def check_origin(self, origin: Origin, *, lookup: str) -> None:
        """Return if rows of this origin may come into the lookup: always where it is rebuilt.

        :raises ConfigurationError: they would be mixed with rows of another origin; the message has the ways out.
        """
        if self.state and self.status is LookupStatus.CREATED:
            self.state.check_origin(origin, name=f"lookup {lookup}")

    def window(self, period: RunPeriod) -> RunWindow:
        """Return the window that a run for ``period`` reads."""
        if self.status is LookupStatus.NEW:
            run_window = period.to_read(build=True, checkpoint=None)
            # A rebuild by an old run must keep what the lookup has; an explicit window is taken as it is.
            return run_window if run_window.explicit else run_window.up_to(self.checkpoint)
        # A lookup built from an explicit window alone has no checkpoint: the rest was never read.
        half_built = self.state is not None and self.checkpoint is None
        return period.to_read(build=half_built, checkpoint=self.checkpoint)
