"""Train the four methods on embedded data, compare them, and draw predictions."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from mmseg_coop.apis import load_config, silence_foreign_warnings
from mmseg_coop.apis.comparison import Result, train_and_test
from mmseg_coop.datasets import ToyStreets
from mmseg_coop.evaluation.comparison_table import (
    comparison,
    markdown_table,
    rich_table,
)
from mmseg_coop.evaluation.figures import draw_predictions

CONFIGS = Path(__file__).parents[1] / 'configs' / 'coop'
METHODS = ('single', 'ensemble', 'same', 'multi')
ROWS = 4


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--network', choices=['danet', 'deeplabv3plus'], default='deeplabv3plus'
    )
    parser.add_argument('--iters', type=int, default=400, help='training iterations')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    return parser.parse_args()


def run(args: argparse.Namespace) -> list[Result]:
    columns = (
        TextColumn('{task.description:<9}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.fields[miou]}'),
    )
    results = []
    with Progress(*columns) as progress:
        for method in METHODS:
            task = progress.add_task(method, total=args.iters, miou='')
            config = load_config(
                str(CONFIGS / f'{args.network}_r18_{method}_toy.py'),
                work_dir=str(args.work_dir / method),
            )
            result = train_and_test(
                config,
                method,
                args.iters,
                advance=lambda task=task: progress.advance(task),
                keep=ROWS,
            )
            progress.update(task, miou=f'mIoU {result.miou:.1f}')
            results.append(result)
    return results


def draw(results: list[Result], path: Path) -> None:
    scenes = ToyStreets(split='val', num_images=ROWS, test_mode=True)
    scenes = [scenes.get_data_info(i) for i in range(ROWS)]
    columns = {
        'image': [scene['img'][..., ::-1] for scene in scenes],
        'ground truth': [scene['gt_seg_map'] for scene in scenes],
    }
    columns |= {result.name: result.predictions for result in results}
    meta = ToyStreets.METAINFO
    draw_predictions(columns, meta['classes'], meta['palette'], path)


def main() -> None:
    args = parse_args()
    silence_foreign_warnings()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    console = Console()
    console.print(
        f'Training {args.network} on ToyStreets, {args.iters} iterations for each '
        'method, on the CPU or the GPU that is there:'
    )
    results = run(args)

    picture = args.work_dir / 'predictions.png'
    draw(results, picture)
    header, rows = comparison({r.name: {'mIoU': r.miou, **r.iou} for r in results})
    rows.append(['seconds', *(f'{result.seconds:.0f}' for result in results)])
    report = args.work_dir / 'report.md'
    report.write_text(
        f'# {args.network} on ToyStreets\n\nIoU in percent after {args.iters} '
        'iterations, one seed: an example, not evidence. Best in bold.\n\n'
        f'{markdown_table(header, rows)}\n![predictions]({picture.name})\n'
    )
    console.print(rich_table(header, rows))
    console.print(f'Report: {report}\nPicture: {picture}')


if __name__ == '__main__':
    main()
