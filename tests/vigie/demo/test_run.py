"""vigie.demo.run: what does not happen becomes the reason."""

from pathlib import Path

from vigie.demo.run import Options, once


def test_a_demo_that_cannot_begin_says_why(tmp_path: Path) -> None:
    record = once(Options(tmp_path / "nowhere", first_port=26_000))
    assert record["ok"] is False
    assert "No such file" in record["reason"]
    assert record["fault_at"] is record["incident"] is None
