"""What the repository promises as a whole: to a newcomer, to a reviewer, and about itself."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from components import ROOT
from slo import windows
from vigie.config import load
from vigie.settings import ENV_PREFIX, Retention, Settings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("slo", "collectors", "incidents", "runbooks", "dashboards", "vigie")
README = (ROOT / "README.md").read_text()

# In pieces, so that this file passes too.
HOSTS = ["py" + "pi.org", "pythonhost" + "ed.org", "npm" + "js.org", "go" + "lang.org"]
HOSTS += ["crat" + "es.io", "mav" + "en.org", "debi" + "an.org", "dock" + "er.io"]
MACHINE = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
LONGEST_FILE, LONGEST_FUNCTION = 450, 60


def tracked() -> list[Path]:
    """The files of the repository, those not yet committed too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_the_readme_names_the_two_commands() -> None:
    first_screen = README[:1500]
    assert "make demo" in first_screen
    assert "make test" in first_screen


def test_the_slo_file_of_the_readme_is_one_that_vigie_takes(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.+?)^```", README, re.MULTILINE | re.DOTALL)
    path = tmp_path / "checkout.yaml"
    path.write_text(block)
    config = load([path])
    (watch,) = config.watches.values()
    assert (watch.slo.id, watch.slo.objective) == ("checkout/availability", 0.999)
    assert len(config.targets) == 2


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_documents_that_code_names_exist() -> None:
    for path in modules():
        for name in re.findall(r"docs/[\w/-]+\.md", path.read_text()):
            assert (ROOT / name).exists(), f"{path}: {name}"


def test_no_file_names_a_package_registry_or_a_path_of_a_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in HOSTS + MACHINE if word in text]
    assert not found


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_every_module_opens_with_a_sentence() -> None:
    """Of `__init__.py` only those that hold something."""
    for path in modules():
        tree = tree_of(path)
        if path.name != "__init__.py" or tree.body:
            sentence = (ast.get_docstring(tree) or "").split("\n\n")[0]
            assert sentence.endswith((".", "?", ":")), path


def test_files_and_functions_stay_short_enough_to_read() -> None:
    for path in modules():
        text = path.read_text()
        assert len(text.splitlines()) <= LONGEST_FILE, path
        # A migration is one list of statements, and frozen once it is released.
        if path.parent.name != "versions":
            long = [name for name, lines in functions(tree_of(path)) if lines > LONGEST_FUNCTION]
            assert not long, path


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1


def test_tests_do_not_sleep() -> None:
    """`sleep(0)` lets others run and waits for nothing."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "sleep" in text else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                waits = node.func.attr == "sleep" and ", ".join(map(ast.unparse, node.args)) != "0"
                assert not waits, f"{path}:{node.lineno}"


def test_tests_have_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.system
def test_imports_point_down() -> None:
    done = subprocess.run(
        [ROOT / ".venv" / "bin" / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_layers_stand_in_the_architecture() -> None:
    (contract, *_) = PROJECT["tool"]["importlinter"]["contracts"]
    table = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    wanted = [", ".join(f"`{name}`" for name in layer.split(" | ")) for layer in contract["layers"]]
    assert rows == wanted


def test_every_part_of_vigie_has_its_layer() -> None:
    (contract, *_) = PROJECT["tool"]["importlinter"]["contracts"]
    layered = {name for layer in contract["layers"] for name in layer.split(" | ")}
    parts = {f"vigie.{path.stem}" for path in (ROOT / "vigie").iterdir() if path.stem[0] != "_"}
    assert parts == {name for name in layered if name.startswith("vigie.")}


def test_the_licence_is_apache_2() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def requirements() -> Iterator[Requirement]:
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    listed = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    for lines in listed:
        yield from map(Requirement, lines)


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(canonical(*line.split("==")) for line in lines if not line.startswith("#"))


def canonical(name: str, *rest: str) -> tuple[str, ...]:
    return (re.sub(r"[-_.]+", "-", name).lower(), *rest)


def test_every_dependency_is_pinned_at_a_version_that_it_allows() -> None:
    pinned = pins()
    for requirement in requirements():
        (name,) = canonical(requirement.name)
        assert name in pinned, name
        assert pinned[name] in requirement.specifier, name


def test_what_dependencies_need_is_pinned_too() -> None:
    pinned = pins()
    for name in list(pinned):
        for line in requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                (needed,) = canonical(requirement.name)
                assert needed in pinned or needed == "setuptools", f"{name} needs {needed}"


def test_the_installed_versions_are_the_pinned_ones() -> None:
    assert {name: version(name) for name in pins()} == pins()


def settings_table() -> str:
    """Every setting as docs/reference/settings.md shows it."""
    lines = ["| key | environment | default | meaning |", "|---|---|---|---|"]
    for key, field in Settings.model_fields.items():
        if key in Settings.not_in_file or key == "retention":
            continue
        lines.append(row(key, key.upper(), field.default, field.description))
    for key, field in Retention.model_fields.items():
        meaning = f"how long are kept: {field.description}"
        lines.append(row(f"retention.{key}", f"RETENTION__{key.upper()}", field.default, meaning))
    return "\n".join(lines) + "\n"


def row(key: str, variable: str, default: object, meaning: str | None) -> str:
    return f"| `{key}` | `{ENV_PREFIX}{variable}` | {shown(default)} | {meaning} |"


def shown(default: object) -> str:
    if default in (None, "", ()):
        return ""
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    if isinstance(default, timedelta):
        return f"`{windows.show(default.total_seconds())}`"
    return f"`{default}`"


def test_the_settings_of_the_reference_are_those_that_there_are(golden) -> None:
    path = ROOT / "docs" / "reference" / "settings.md"
    introduction = path.read_text().split("| key |")[0]
    golden(path, introduction + settings_table())
