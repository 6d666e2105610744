"""Exit codes of the tools."""

import pytest

from mmseg_coop.command_line import one_line_errors


def test_ctrl_c_ends_with_a_line(capsys):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err == 'Stopped; what was finished stays.\n'
