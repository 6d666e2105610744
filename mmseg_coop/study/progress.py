"""Show the progress of a study: a table of methods × seeds, and the time left."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ..comparison.curves import read_scalars
from .executor import TrialExecutor
from .trial import Trial

_STYLES = dict(finished='green', failed='red', waits='dim', elsewhere='yellow')


@dataclass(frozen=True)
class State:
    """State of a trial: a word, or the name of the step that runs.

    Seconds are those of training left, None if unknown; percent are those done.
    """

    text: str
    percent: int | None = None
    miou: float | None = None
    seconds: float | None = 0.0


class Progress:
    """States of all trials of a study, from their files."""

    def __init__(self, executor: TrialExecutor):
        self._executor = executor
        self._finished: dict[Trial, State] = {}
        # The last logged training iteration.
        self._last: dict[Trial, dict] = {}
        self._totals: dict[str, int | None] = {}

    def states(self) -> dict[Trial, State]:
        """Read the state of each trial, in order."""
        for trial in self._executor.trials:
            if self._executor.running(trial) or trial not in self._last:
                scalars = list(read_scalars(trial.folder))
                steps = (line for line in reversed(scalars) if 'loss' in line)
                self._last[trial] = next(steps, {})
        return {trial: self._state(trial) for trial in self._executor.trials}

    def draw(self) -> RenderableType:
        """Draw a table with a row for each method and a column for each seed."""
        states = self.states()
        rows: dict[str, list[str]] = {}
        for trial, state in states.items():
            rows.setdefault(trial.entry.name, []).append(_cell(trial, state))
        done = sum(state.text == 'finished' for state in states.values())
        seconds = [state.seconds for state in states.values()]
        left = '?'
        if None not in seconds:
            # With all jobs busy.
            left = timedelta(seconds=sum(seconds) // max(self._executor.jobs, 1))
        table = Table('method', title=f'{done} of {len(states)} runs, {left} left')
        for name, cells in rows.items():
            table.add_row(escape(name), *cells)
        failed = self._executor.failed.items()
        why = (escape(f'{trial.name}: {reason}') for trial, reason in failed)
        return Group(table, *why)

    def _state(self, trial: Trial) -> State:
        if trial in self._finished:
            return self._finished[trial]
        if trial in self._executor.failed:
            return State('failed')
        step = self._executor.running(trial)
        if step is None and trial.finished:
            self._finished[trial] = State('finished', miou=trial.miou())
            return self._finished[trial]
        if not trial.entry.trained or trial.weights:
            return State(step or 'waits')
        text = 'elsewhere' if trial in self._executor.elsewhere else step or 'waits'
        total, done = self._total(trial), self._last[trial].get('iter', 0)
        if total is None:
            return State(text, seconds=None)
        pace = self._pace(trial)
        seconds = None if pace is None else (total - done) * pace
        return State(text, 100 * done // total, seconds=seconds)

    def _pace(self, trial: Trial) -> float | None:
        """Estimate the seconds of an iteration of the trial's method, or of all."""
        paces = {t: last['time'] for t, last in self._last.items() if 'time' in last}
        alike = [pace for t, pace in paces.items() if t.entry is trial.entry]
        known = alike or list(paces.values())
        return fmean(known) if known else None

    def _total(self, trial: Trial) -> int | None:
        """Number of iterations of a method; None if it trains by epochs."""
        name = trial.entry.name
        if name not in self._totals:
            self._totals[name] = trial.config().train_cfg.get('max_iters')
        return self._totals[name]


class LiveTable(Live):
    """Shows the states of all trials while they run.

    On a terminal it is a table that is updated in place, elsewhere a line per change.
    """

    def __init__(self, executor: TrialExecutor, console: Console):
        # No refreshing thread: training runs are started by forking.
        self._lines = not console.is_terminal or console.is_dumb_terminal
        super().__init__(console=console, auto_refresh=False, transient=self._lines)
        self._progress = Progress(executor)
        self._shown = dict.fromkeys(executor.trials, 'waits')

    def __call__(self, executor: TrialExecutor) -> None:
        """Update the table, or print what has changed."""
        if not self._lines:
            self.update(self._progress.draw(), refresh=True)
            return
        for trial, state in self._progress.states().items():
            if self._shown[trial] != state.text:
                self._shown[trial] = state.text
                more = f': {executor.failed[trial]}' if trial in executor.failed else ''
                more += f', mIoU {state.miou:.2f}' if state.miou else ''
                line = f'{trial.name}: {state.text}{more}'
                self.console.print(line, markup=False, soft_wrap=True)


def _cell(trial: Trial, state: State) -> str:
    style = _STYLES.get(state.text, 'cyan')
    text = state.text if state.miou is None else f'{state.miou:.2f}'
    percent = f' {state.percent} %' if state.percent else ''
    seeds = trial.folder.name.split('_', 1)[1].replace('_', '+')
    return f'[dim]{seeds}:[/dim] [{style}]{text}{percent}[/{style}]'
