"""vigie.demo.story: what happens is told as it happens."""

import io

from rich.console import Console

from vigie.demo.story import STEPS, Story


def told(*, terminal: bool) -> str:
    out = io.StringIO()
    with Story(Console(file=out, force_terminal=terminal, width=100)) as story:
        story.waiting("the [shop] starts")
        story.happened("the shop sells [50 orders/s]")
        story.tell("    a line", style="cyan")
        story.over()
    return out.getvalue()


def test_what_happened_is_told_with_its_time_and_markup_is_only_text() -> None:
    first, second = [line for line in told(terminal=False).splitlines() if line.strip()][:2]
    assert first.endswith("the shop sells [50 orders/s]")
    assert first[2] == first[5] == ":"
    assert second.endswith("    a line")


def test_a_terminal_shows_what_is_waited_for_and_how_far_it_is() -> None:
    shown = told(terminal=True)
    assert "the [shop] starts" in shown
    assert f"1/{STEPS}" in shown
