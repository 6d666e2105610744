"""Show a study while it runs: a table of methods × seeds, and failures."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
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

    def __init__(self, executor: TrialExecutor, console: Console):
        self._console = console
        # No refreshing thread: training runs are started by forking.
        self._live = Live(console=console, auto_refresh=False)
        self._progress = Progress(executor)
        self._shown = dict.fromkeys(executor.trials, 'waits')

    def __enter__(self) -> 'LiveTable':
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_) -> None:
        self._live.stop()

    def __call__(self, executor: TrialExecutor) -> None:
        """Update the table, or print what has changed."""
        states = self._progress.states()
        if self._console.is_terminal:
            left = self._progress.seconds_left(states)
            self._live.update(draw(states, left, executor.failed), refresh=True)
            return
        for trial, state in states.items():
            if self._shown[trial] != state.text:
                self._shown[trial] = state.text
                more = f': {executor.failed[trial]}' if trial in executor.failed else ''
                more += f', mIoU {state.miou:.2f}' if state.miou else ''
                line = f'{trial.name}: {state.text}{more}'
                self._console.print(line, markup=False, soft_wrap=True)


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
    left = '?' if seconds is None else timedelta(seconds=round(seconds))
    table = Table(title=f'{done} of {len(states)} runs, {left} left')
    table.add_column('method')
    table.add_column('mIoU', justify='right')
    for name, row in rows.items():
        mark = '' if row[0][0].entry.trained else ' ‡'
        mious = [state.miou for _, state in row if state.miou is not None]
        mean = f'{np.mean(mious):.2f}' if mious else ''
        spread = f' ± {np.std(mious, ddof=1):.2f}' if len(mious) > 1 else ''
        cells = [_cell(trial, state) for trial, state in row]
        table.add_row(escape(f'{name}{mark}'), f'{mean}{spread}', *cells)
    notes = [f'{trial.name}: {reason}' for trial, reason in failed.items()]
    if not all(trial.entry.trained for trial in states):
        notes.append('‡ only tested: recombines networks trained for other rows')
    return Group(table, *map(escape, notes))


def _cell(trial: Trial, state: State) -> str:
    style = _STYLES.get(state.text, 'cyan')
    text = state.text if state.miou is None else f'{state.miou:.2f}'
    percent = f' {state.percent} %' if state.percent else ''
    seeds = trial.seed_name.split('_', 1)[1].replace('_', '+')
    return f'[dim]{seeds}:[/dim] [{style}]{text}{percent}[/{style}]'
