"""Show a study while it runs: a table of methods × seeds, and failures."""

from collections.abc import Mapping
from datetime import timedelta
from statistics import mean, stdev

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from .executor import TrialExecutor
from .progress import Progress, State
from .trial import Trial

_STYLES = dict(finished='green', failed='red', waits='dim', elsewhere='yellow')


class LiveTable:
    """Shows the states of all trials while they run.

    On a terminal it is a table that is updated in place, elsewhere a line per change.
    """

    def __init__(self, console: Console):
        self._console = console
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            # No refreshing thread: training runs are started by forking.
            self._live = Live(console=console, auto_refresh=False)
        self._progress: Progress | None = None
        self._shown: dict[Trial, str] = {}

    def __enter__(self) -> 'LiveTable':
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, executor: TrialExecutor) -> None:
        """Update the table, or print what has changed."""
        self._progress = self._progress or Progress(executor)
        states = self._progress.states()
        if self._live:
            left = self._progress.seconds_left(states)
            self._live.update(draw(states, left, executor.failed), refresh=True)
            return
        for trial, state in states.items():
            # No line for each percent.
            text = state.text.split(' ')[0] if '%' in state.text else state.text
            if self._shown.get(trial, 'waits') != text:
                why = executor.failed.get(trial)
                more = f': {why}' if why else ''
                more = more or (f', mIoU {state.miou:.2f}' if state.miou else '')
                self._console.print(
                    f'{trial.name}: {text}{more}', markup=False, soft_wrap=True
                )
            self._shown[trial] = text


def draw(
    states: Mapping[Trial, State],
    seconds: float | None,
    failed: Mapping[Trial, str],
) -> RenderableType:
    """Draw a table with a row for each method and a column for each seed."""
    rows: dict[str, list[tuple[Trial, State]]] = {}
    for trial, state in states.items():
        rows.setdefault(trial.entry.name, []).append((trial, state))
    done = sum(state.text == 'finished' for state in states.values())
    table = Table(title=f'{done} of {len(states)} runs, {_left(seconds)} left')
    table.add_column('method')
    for i in range(max(map(len, rows.values()))):
        table.add_column(f'run {i + 1}', justify='right')
    table.add_column('mIoU', justify='right')
    table.add_column('left', justify='right')
    for name, row in rows.items():
        entry = row[0][0].entry
        mark = '' if entry.trained else ' ‡'
        cells = [_cell(trial, state) for trial, state in row]
        cells += [''] * (len(table.columns) - 3 - len(cells))
        left = [state.seconds for _, state in row]
        table.add_row(
            escape(f'{name}{mark}'),
            *cells,
            _mean([s.miou for _, s in row if s.miou is not None]),
            _left(None if None in left else sum(left)),
        )
    notes = [f'{trial.name}: {reason}' for trial, reason in failed.items()]
    if not all(trial.entry.trained for trial in states):
        notes.append('‡ only tested: recombines networks trained for other rows')
    return Group(table, *map(escape, notes))


def _cell(trial: Trial, state: State) -> str:
    style = _STYLES.get(state.text.split(' ')[0], 'cyan')
    text = state.text if state.miou is None else f'{state.miou:.2f}'
    seeds = trial.seed_name.split('_', 1)[1].replace('_', '+')
    return f'[dim]{seeds}:[/dim] [{style}]{text}[/{style}]'


def _mean(values: list[float]) -> str:
    if not values:
        return ''
    return f'{mean(values):.2f}' + (f' ± {stdev(values):.2f}' if values[1:] else '')


def _left(seconds: float | None) -> str:
    return '?' if seconds is None else str(timedelta(seconds=round(seconds)))
