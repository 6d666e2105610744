import subprocess
import sys
from pathlib import Path

from PIL import Image

DEMO = Path(__file__).parents[2] / 'tools' / 'demo.py'


def test_demo(tmp_path):
    command = [sys.executable, str(DEMO), '--iters', '2', '--network', 'danet']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / 'work_dirs' / 'demo'
    report = (folder / 'report.md').read_text()
    for method in ('single', 'ensemble', 'same', 'multi'):
        assert method in done.stdout and method in report
    assert 'Report: work_dirs/demo/report.md' in done.stdout
    assert 'sidewalk' in report and 'gain over single' in report
    assert Image.open(folder / 'predictions.png').size[0] > 800
    assert done.stderr == '' and 'Warning' not in done.stdout
