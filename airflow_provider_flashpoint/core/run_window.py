"""The window of a run: the period that the run is for, and the window that is read for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant
from airflow_provider_flashpoint.errors import OutdatedWindowError

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

    def leaves_no_gap(self, complete_from: datetime | None) -> bool:
        """Return whether a checkpoint may move to the end of this window.

        An explicit window that begins later must not move it: the gap would never be read.

        :param complete_from: where the window must begin at the latest, see `RunPeriod.goes_on_from`.
        """
        return not self.explicit or (complete_from is not None and self.covered.start <= complete_from)

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

    def since(self, oldest: datetime) -> RunWindow:
        """Return this window without what is too old for the lookup.

        :raises OutdatedWindowError: all of it is too old.
        """
        if self.window.end <= oldest:
            raise OutdatedWindowError(
                f"Nothing is read: the lookup keeps what changed since {format_instant(oldest)}, and the window "
                f"{self.window} ends before. To read it, raise keep_days."
            )
        if self.window.start >= oldest:
            return self
        return replace(
            self,
            window=Window(oldest, self.window.end),
            covered=Window(max(self.covered.start, oldest), self.covered.end),
            rule=f"{self.rule}, without what is too old for the lookup",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long a lookup keeps indicators that do not change.

    :param time: what did not change for this long is removed by the next rebuild.
    :param rebuild_every: the time between two rebuilds, from the end of one window to the end of the other.
    :param now: when the run began.
    """

    time: timedelta
    rebuild_every: timedelta
    now: datetime

    def oldest(self, end: datetime) -> datetime:
        """Return the earliest time that the run of a period that ends at ``end`` may read.

        It is counted from that end, so that a sync or a retry gets the same time as its pull; for an old run, from the
        last midnight.
        """
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return max(min(end, self.now), midnight) - self.time

    def is_due(self, end: datetime, built_at: datetime | None) -> bool:
        """Return whether the run of a period that ends at ``end`` rebuilds the lookup; an old run never does."""
        is_old = end + self.rebuild_every <= self.now
        return not is_old and (built_at is None or end - built_at >= self.rebuild_every)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPeriod:
    """The period that a run is for, and how far its window may begin earlier.

    :param initial_start: where a new lookup or event table begins, None if nothing defines it.
    :param heal_gaps: begin at the checkpoint if that lies before the period.
    :param keep: how long a lookup keeps indicators; None for ever.
    """

    window: Window
    rule: str
    explicit: bool
    lag: timedelta = timedelta()
    initial_start: datetime | None = None
    heal_gaps: bool = True
    keep: Keep | None = None

    @property
    def oldest(self) -> datetime | None:
        """The earliest time that the run may read, None without such a limit."""
        return self.keep.oldest(self.window.end) if self.keep else None

    @property
    def begin(self) -> datetime | None:
        """Where a new lookup or event table begins, None if nothing defines it."""
        return max((as_utc(each) for each in (self.initial_start, self.oldest) if each is not None), default=None)

    def goes_on_from(self, checkpoint: datetime | None) -> datetime | None:
        """Return where a window must begin at the latest that continues from a checkpoint, None without one.

        Records of the lag before the checkpoint may have reached Flashpoint's index since then. The next run reads only
        the lag before its own window.
        """
        return None if checkpoint is None else checkpoint - min(self.lag, checkpoint - _EARLIEST)

    def to_read(self, *, build: bool, checkpoint: datetime | None) -> RunWindow:
        """Return the window to read.

        :param build: the lookup or event table is new, so reading begins at the initial start time.
        """
        window, rule = self.window, self.rule
        if self.explicit:
            return RunWindow(window, window, rule, explicit=True)
        begin = self.begin
        if build and begin is not None and begin < window.start:
            window = window.widened_to(begin)
            name = "the oldest time that the lookup keeps" if begin == self.oldest else "the initial start time"
            return RunWindow(window, window, f"{rule}, from {name}", explicit=False)
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
    """The stored state of a lookup, None if there is none, and the status that this run uses.

    A run that ``renews`` the lookup rebuilds it without being asked to: by `Keep`, or after a deployment whose end is
    not known. A ``forced`` status comes from the configuration of this run.
    """

    state: LookupState | None
    status: LookupStatus
    renews: bool = False
    forced: bool = False

    @classmethod
    def stored(cls, state: LookupState | None, *, initial: LookupStatus = LookupStatus.NEW) -> LookupProgress:
        """Return the progress of a run whose status is that of the state, or ``initial`` without a state."""
        if state is None:
            return cls(None, initial)
        return cls(state, state.status, renews=state.renews and state.status is LookupStatus.NEW)

    @property
    def checkpoint(self) -> datetime | None:
        """The time up to which the lookup is complete."""
        return self.state.to_checkpoint_time if self.state else None

    @property
    def built_at(self) -> datetime | None:
        """The end of what the last build or rebuild has read, None if not known."""
        return self.state.built_at if self.state else None

    @property
    def goes_on(self) -> bool:
        """Whether the key, the columns and the origin of the lookup stay: not where it is built anew."""
        return self.renews or self.status is LookupStatus.CREATED

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the lookup has and goes on with; none where it is built anew."""
        return self.state.columns if self.state and self.goes_on else ()

    def check_origin(self, origin: Origin, *, lookup: str) -> None:
        """Check that rows of this origin may join the lookup. A rebuild that a person asked for accepts any.

        :raises ConfigurationError: they would be mixed with rows of another origin; the message names the remedies.
        """
        if self.state and self.goes_on:
            self.state.check_origin(origin, name=f"lookup {lookup}")

    def for_run(self, period: RunPeriod) -> LookupProgress:
        """Return this progress, with the status New if a run for ``period`` renews the lookup."""
        if period.keep is None or period.explicit or self.forced or self.status is LookupStatus.NEW:
            return self
        end = period.window.end
        is_old = self.checkpoint is not None and end < self.checkpoint
        if is_old or not period.keep.is_due(end, self.built_at):
            return self
        return replace(self, status=LookupStatus.NEW, renews=True)

    def window(self, period: RunPeriod) -> RunWindow:
        """Return the window that a run for ``period`` reads.

        :raises OutdatedWindowError: all of it is too old for the lookup.
        """
        run_window = self.for_run(period)._whole_window(period)
        keep = period.keep
        if keep is None:
            return run_window
        oldest = keep.oldest(period.window.end)
        # No run brings back what the last rebuild has left out.
        return run_window.since(max(oldest, self.built_at - keep.time) if self.built_at else oldest)

    def _whole_window(self, period: RunPeriod) -> RunWindow:
        if self.status is LookupStatus.NEW:
            run_window = period.to_read(build=True, checkpoint=None)
            # A rebuild by an old run must keep what the lookup has; an explicit window is taken as it is.
            return run_window if run_window.explicit else run_window.up_to(self.checkpoint)
        # A lookup built from an explicit window alone has no checkpoint: the rest was never read.
        half_built = self.state is not None and self.checkpoint is None
        return period.to_read(build=half_built, checkpoint=self.checkpoint)
