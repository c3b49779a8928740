"""`Automation` documents among all the others."""

from pathlib import Path

import pytest

from slo.load.codes import Code
from slo.load.marks import LoadError
from vigie.config import Config, load

CHANNEL = "kind: Channel\nmetadata: {name: desk}\nspec: {type: webhook, url: 'http://a'}\n"
TYPE = "kind: IncidentType\nmetadata: {name: x}\nspec: {fields: [{name: ticket}]}\n"
RULE = (
    "kind: Automation\nmetadata: {{name: a}}\nspec:\n  when: {{event: opened}}\n  then: [{{{}}}]\n"
)


def loaded(folder: Path, *documents: str) -> Config:
    path = folder / "files.yaml"
    text = "".join(f"---\napiVersion: vigie.dev/v1\n{one}" for one in documents)
    path.write_text(text, encoding="utf-8")
    return load([path], need_slo=False)


def test_automations_are_those_of_the_files(tmp_path: Path) -> None:
    tell = RULE.format("notify: {channels: desk, text: a}")
    config = loaded(tmp_path, CHANNEL, TYPE, tell)
    (one,) = config.automations
    assert (one.name, one.events) == ("a", ("opened",))
    assert loaded(tmp_path, CHANNEL).automations == ()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("notify: {channels: dekk, text: a}", "channel `dekk` stands in no file; did you mean"),
        ("start_runbook: {name: look}", "runbook `look` stands in no file"),
        ("set: {field.tickt: a}", "did you mean `field.ticket`?"),
    ],
)
def test_what_no_file_names_is_refused(tmp_path: Path, action: str, words: str) -> None:
    with pytest.raises(LoadError) as told:
        loaded(tmp_path, CHANNEL, TYPE, RULE.format(action))
    (problem,) = [one for one in told.value.problems if not one.warning]
    assert (problem.code, problem.mark.line) == (Code.NO_SUCH_THING, 17)
    assert words in problem.message


def test_a_channel_that_could_not_be_read_may_be_the_one(tmp_path: Path) -> None:
    bad = CHANNEL.replace("type: webhook", "type: pigeon")
    with pytest.raises(LoadError) as told:
        loaded(tmp_path, bad, RULE.format("notify: {channels: dekk, text: a}"))
    assert not [one for one in told.value.problems if one.code is Code.NO_SUCH_THING]
