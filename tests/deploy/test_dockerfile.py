"""The Dockerfile, read closely: no image can be built where there is no container engine."""

import re
import shlex
from fnmatch import fnmatch

from components import ROOT

LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()


def instructions(name: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in LINES if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """What is copied from the repository, not from an earlier stage."""
    copies = [c for c in instructions("COPY") if not c[0].startswith("--from=")]
    return [path for copy in copies for path in copy[:-1]]


def test_only_paths_that_exist_are_copied() -> None:
    assert copied()
    for path in copied():
        assert (ROOT / path).exists(), path


def test_everything_that_is_copied_reaches_the_builder_and_nothing_else_does() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


def test_every_package_of_the_wheel_is_copied() -> None:
    packages = re.search(r"^packages = \[(.+)\]", (ROOT / "pyproject.toml").read_text(), re.M)
    assert packages is not None
    assert set(re.findall(r'"(\w+)"', packages[1])) <= set(copied())


def test_stages_copy_only_from_stages_before_them() -> None:
    stages = set()
    for line in LINES:
        if line.startswith("FROM ") and " AS " in line:
            stages.add(line.split(" AS ")[1])
        if line.startswith("COPY --from="):
            assert re.match(r"COPY --from=(\w+)", line)[1] in stages


def test_images_are_named_with_a_tag_and_no_registry() -> None:
    for image, *_ in instructions("FROM"):
        assert fnmatch(image, "*:?*"), image
        assert "/" not in image


def test_it_runs_as_nobody_in_particular_and_serves() -> None:
    assert instructions("USER") == [["65532:65532"]]
    assert LINES[-2:] == [
        'ENTRYPOINT ["vigie"]',
        'CMD ["serve", "--config", "/etc/vigie/vigie.yaml"]',
    ]


def test_no_secret_is_baked_in() -> None:
    assert not instructions("ARG")
    assert not any("TOKEN" in " ".join(words) for words in instructions("ENV"))
