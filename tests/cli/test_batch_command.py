"""What the flags of ``cmet batch`` become."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cmet_cli.batch import run as batch_run
from cmet_cli.cli.commands import command_line
from cmet_cli.errors import UsageError


@pytest.mark.parametrize(("flags", "kept"), [((), True), (("--no-cache",), False)])
def test_what_a_worker_keeps_between_runs(monkeypatch, tmp_path, flags, kept):
    asked = []

    def check(options):
        asked.append(options.runtime)
        raise UsageError("enough")

    monkeypatch.setattr(batch_run, "check_batch", check)
    CliRunner().invoke(command_line(), ["batch", str(tmp_path / "rows.csv"), *flags])
    assert [runtime.cache for runtime in asked] == [kept]
