def test_demo(demo):
    folder, done = demo
    assert done.stderr == '' and 'Warning' not in done.stdout
    for text in ('single', 'ensemble', 'same', 'multi', 'over single', 'sidewalk'):
        assert text in done.stdout
    assert 'Report: work_dirs/demo/report/report.html' in done.stdout
    assert (folder / 'report' / 'report.html').is_file()
