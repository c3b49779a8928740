"""Users' files as one Config: good ones, bad ones, and any text at all."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutating import mutations
from slo.load.yaml import LoadError
from vigie.config import Config, load

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability, labels: {tier: gold}}
spec:
  service: checkout
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource: {type: Prometheus, spec: {query: 'sum(http_total{job="shop",code="5"})'}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(http_total{job="shop"})'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""
TARGETS = """\
apiVersion: vigie.dev/v1
kind: Targets
metadata: {name: shop}
spec:
  service: checkout
  targets: [{address: 'a:80'}]
"""
CHANNEL = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: oncall}
spec: {type: webhook, url: http://a/hook}
"""
RUNBOOK = """\
apiVersion: vigie.dev/v1
kind: Runbook
metadata: {name: errors}
spec:
  title: Errors
  match: {services: [checkout]}
  steps: [{id: look, kind: manual, title: Look}]
"""
POLICY = """\
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: slow}
spec:
  select: {services: [checkout]}
  arms: [{kind: ticket, burn_rate: 2, long: 1d, short: 2h}]
"""
SERVICE = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: checkout, labels: {team: a}}
"""
GOOD = {
    "slos/a.yaml": f"{SERVICE}---\n{SLO}",
    "targets.yml": TARGETS,
    "channels.yaml": CHANNEL,
    "runbooks.yaml": RUNBOOK,
    "policies/deep/slow.yaml": POLICY,
}


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _problems(folder: Path) -> list[str]:
    """All that a load says about a folder, without the folder's name."""
    try:
        problems = load([folder]).warnings
    except LoadError as error:
        problems = error.problems
    return [
        str(problem).replace(f"{folder}/", "").replace(str(folder), ".") for problem in problems
    ]


def test_good_files_are_one_config_without_warnings(tmp_path: Path) -> None:
    config = load([_write(tmp_path, GOOD)])
    assert config.warnings == ()
    assert config.generation == 1
    watch = config.watches["checkout/availability"]
    assert watch.policy.name == "slow"
    assert [arm.name for arm in watch.arms] == ["ticket-1d-2h"]
    assert config.services["checkout"].labels == {"team": "a"}
    assert list(config.targets) == ["shop/a:80"]
    assert list(config.channels) == ["oncall"]
    assert [book.name for book in config.runbooks] == ["errors"]


def test_the_same_files_are_the_same_config(tmp_path: Path) -> None:
    folder = _write(tmp_path, GOOD)
    paths = sorted(path for path in folder.rglob("*.y*ml"))
    assert load([folder]) == load(paths) == load([folder, *paths])
    assert load([folder]) != replace(load([folder]), generation=2)


def test_hidden_and_other_files_are_left_out_and_links_are_followed_once(tmp_path: Path) -> None:
    # As Kubernetes mounts a ConfigMap: links into ..data, itself a link to a dated folder.
    mounted = _write(tmp_path / "mounted", {f"..2026/{Path(n).name}": t for n, t in GOOD.items()})
    (mounted / "..data").symlink_to("..2026")
    for name in GOOD:
        (mounted / Path(name).name).symlink_to(f"..data/{Path(name).name}")
    (mounted / "notes.txt").write_text("{")
    (mounted / "up").symlink_to(mounted)
    assert _problems(mounted) == []


def test_services_that_no_document_declares_are_there_all_the_same(tmp_path: Path) -> None:
    other = TARGETS.replace("name: shop", "name: other").replace("service: checkout", "service: x")
    config = load([_write(tmp_path, {**GOOD, "slos/a.yaml": SLO, "other.yaml": other})])
    assert {name: str(service.mark) for name, service in config.services.items()} == {
        "checkout": f"{tmp_path}/slos/a.yaml:1:1",
        "x": f"{tmp_path}/other.yaml:6:13",
    }


READS = (
    "Vigie reads openslo/v1, openslo/v1alpha, vigie.dev/v1, sloth.slok.dev/v1, "
    "pyrra.dev/v1alpha1, and Sloth's `version: prometheus/v1`"
)
BAD = [
    (
        "an SLO twice, in two files",
        {"slos/b.yaml": SLO},
        [
            "slos/b.yaml:3:18: error[V201] SLO `checkout/availability` is also defined in "
            "slos/a.yaml:7:18; rename or remove one"
        ],
    ),
    (
        "a channel twice, in one file",
        {"channels.yaml": f"{CHANNEL}---\n{CHANNEL}"},
        [
            "channels.yaml:8:18: error[V201] Channel `oncall` is also defined in "
            "channels.yaml:3:18; "
            "rename or remove one"
        ],
    ),
    (
        "a target twice, by job and address",
        {"more.yaml": TARGETS.replace("shop}", "a}").replace("c:\n", "c:\n  job: shop\n")},
        [
            "targets.yml:6:13: error[V201] target `shop/a:80` also stands in more.yaml:7:13; "
            "remove one, or set `job`"
        ],
    ),
    (
        "policies that tie",
        {"p.yaml": POLICY.replace("slow", "fast")},
        [
            "policies/deep/slow.yaml:1:1: error[V203] policies `fast` (p.yaml:1:1) and `slow` "
            "select "
            "SLO `checkout/availability` equally: make one of them more specific"
        ],
    ),
    (
        "an arm that can never fire",
        {"policies/deep/slow.yaml": POLICY.replace("burn_rate: 2", "burn_rate: 1000")},
        [
            "policies/deep/slow.yaml:6:36: error[V402] arm `ticket-1d-2h` of SLO "
            "`checkout/availability` can never fire: with an objective of 0.999 the burn rate is "
            "at most 1000, and this asks for 1000"
        ],
    ),
    (
        "an arm shorter than its scrapes",
        {"targets.yml": TARGETS.replace("targets:", "interval: 1h\n  targets:")},
        [
            "policies/deep/slow.yaml:6:36: error[V404] arm `ticket-1d-2h` of SLO "
            "`checkout/availability` looks at 2h, which holds under 4 scrapes (one every 1h): "
            "make `short` at least 4h"
        ],
    ),
    (
        "unknown kinds and versions",
        {"x.yaml": "kind: X\n---\napiVersion: v1\nkind: Policy\n---\napiVersion: vigie.dev/v1\n"
            "kind: Polcy\n---\napiVersion: vigie.dev/v2\nkind: Policy\n---\n"
            "apiVersion: openslo/v1\nkind: DataSource\n---\napiVersion: openslo/v1\nkind: Slos\n"},
        [
            f"x.yaml:1:1: error[V103] missing key `apiVersion`: {READS}",
            f"x.yaml:3:13: error[V110] unknown apiVersion `v1`: {READS}",
            "x.yaml:7:7: error[V110] unknown kind `Polcy`; did you mean `Policy`?",
            "x.yaml:9:13: error[V110] unknown apiVersion `vigie.dev/v2`; did you mean "
            "`vigie.dev/v1`?",
            "x.yaml:12:1: error[V103] missing key `metadata`",
            "x.yaml:12:1: error[V103] missing key `spec`",
            "x.yaml:16:7: error[V110] unknown kind `Slos`: openslo/v1 has AlertCondition, "
            "AlertNotificationTarget, AlertPolicy, DataSource, SLI, SLO, Service",
        ],
    ),
    (
        "problems of several files, by place",
        {"channels.yaml": "a: [", "targets.yml": TARGETS.replace("'a:80'", "a"),
            "runbooks.yaml": RUNBOOK.replace("kind: manual", "kind: shell")},
        [
            "channels.yaml:2:1: error[V002] not YAML: did not find expected node content",
            "runbooks.yaml:7:28: error[V105] `spec.steps[0].kind` is `shell`; it must be one of "
            "manual, http",
            "targets.yml:6:23: error[V114] `a` is no address: write host:port, the rest stands "
            "in the "
            "spec",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_files_are_refused_with_every_place(
    files: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    assert _problems(_write(tmp_path, {**GOOD, **files})) == expected


WARNINGS = [
    (
        "nobody is paged",
        {"channels.yaml": CHANNEL.replace("type:", "receives: [notice], type:")},
        [
            ".:1:1: warning[V502] no Channel receives `page`: incidents will show on Vigie's pages "
            "only"
        ],
    ),
    (
        "no runbook",
        {"runbooks.yaml": ""},
        [".:1:1: warning[V503] there is no Runbook: incidents will open without instructions"],
    ),
    (
        "a runbook for something else",
        {"runbooks.yaml": RUNBOOK.replace("[checkout]", "[chekout]")},
        [
            "runbooks.yaml:3:18: warning[V202] runbook `errors` is for service `chekout`, which no "
            "file names; did you mean `checkout`?",
            "slos/a.yaml:7:18: warning[V503] no runbook matches when SLO "
            "`checkout/availability` burns",
        ],
    ),
    (
        "a misspelt service",
        {"slos/a.yaml": f"{SERVICE}---\n{SLO}".replace("service: checkout", "service: chekout")},
        [
            "policies/deep/slow.yaml:3:18: warning[V504] policy `slow` watches no SLO: none "
            "fits, or "
            "others fit better",
            "slos/a.yaml:7:18: warning[V501] SLO `chekout/availability`: only targets of "
            "checkout could "
            'have `http_total{code="5",job="shop"}`, none of service `chekout`: until one shows '
            "it, nothing is known to be missing",
            "slos/a.yaml:7:18: warning[V503] no runbook matches when SLO `chekout/availability` "
            "burns",
            "slos/a.yaml:9:12: warning[V505] no Service document names `chekout`; did you mean "
            "`checkout`?",
            "targets.yml:5:12: warning[V504] no SLO watches service `checkout`; did you mean "
            "`chekout`?",
        ],
    ),
    (
        "no targets",
        {"targets.yml": ""},
        [
            "slos/a.yaml:7:18: warning[V501] SLO `checkout/availability`: service `checkout` "
            "has no "
            "targets: it will not be measured"
        ],
    ),
    (
        "targets whose labels don't fit",
        {"targets.yml": TARGETS.replace("name: shop", "name: checkout")},
        [
            "slos/a.yaml:7:18: warning[V501] SLO `checkout/availability`: the labels of no "
            "target fit "
            '`http_total{code="5",job="shop"}`: it will not be measured'
        ],
    ),
    (
        "a policy for an SLO that isn't there",
        {"p.yaml": POLICY.replace("slow", "p").replace("services: [checkout]", "slos: [latency]")},
        [
            "p.yaml:3:18: warning[V202] policy `p` selects SLO `latency`, which no file names",
            "p.yaml:3:18: warning[V504] policy `p` watches no SLO: none fits, or others fit better",
        ],
    ),
    (
        "default arms that are capped",
        {"policies/deep/slow.yaml": "", "slos/a.yaml": SLO.replace("0.999", "0.9")},
        [
            "slos/a.yaml:1:1: warning[V402] with an objective of 0.9 the burn rate of SLO "
            "`checkout/availability` is at most 10: default arms that ask for more are capped at 5"
        ],
    ),
]


@pytest.mark.parametrize(
    ("files", "expected"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS]
)
def test_what_will_surprise_is_a_warning(
    files: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    folder = _write(tmp_path, {**GOOD, **files})
    assert _problems(folder) == expected
    assert isinstance(load([folder]), Config)


def test_no_slo_at_all_is_an_error_that_says_where_it_looked(tmp_path: Path) -> None:
    _write(tmp_path, {"channels.yaml": CHANNEL})
    assert _problems(tmp_path) == [
        ".:1:1: error[V205] there is no SLO; looked in .: `vigie init DIR` writes an example"
    ]
    with pytest.raises(LoadError, match="there is no SLO; looked in no file at all"):
        load([])


def test_an_slo_that_is_wrong_is_not_called_missing(tmp_path: Path) -> None:
    _write(tmp_path, {"slo.yaml": SLO.replace("target: 0.999", "target: 2")})
    assert _problems(tmp_path) == [
        "slo.yaml:15:25: error[V401] `spec.objectives[0].target` is 2; it must be below 1"
    ]


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes("é: 1\nab: \xff".encode("latin-1"))
    (tmp_path / "large.yaml").write_text("#" * 4_000_001)
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    with pytest.raises(LoadError) as refused:
        load([tmp_path, tmp_path / "missing"])
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in refused.value.problems][1:] == [
        "bytes.yaml:1:1: error[V001] not UTF-8: save the file in this encoding",
        "gone.yaml:1:1: error[V001] there is no such file or folder",
        "large.yaml:1:1: error[V003] the file is over 4000000 bytes: split it",
        "missing:1:1: error[V001] there is no such file or folder",
    ]


def test_the_place_of_a_wrong_byte_counts_characters(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("é: 1\néb: ".encode() + b"\xff")
    with pytest.raises(LoadError, match=r"a\.yaml:2:5: error\[V001\] not UTF-8"):
        load([tmp_path])


LINES = "\n---\n".join([SLO, SERVICE, TARGETS, CHANNEL, RUNBOOK, POLICY]).splitlines()
WORDS = [
    "",
    "~",
    "[]",
    "{}",
    "x",
    "'",
    '"',
    "&a",
    "*a",
    "- ",
    ": ",
    "1e999",
    "|",
    "{{.window}}",
    "é",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(mutations(LINES, WORDS).map(str.encode), st.binary(max_size=200)))
def test_any_file_is_a_config_or_problems(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    try:
        config = load([tmp_path])
    except LoadError as refused:
        assert any(not problem.warning for problem in refused.problems)  # noqa: PT017 - either may be
    else:
        assert config.watches


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import json, pathlib, sys; from vigie.config import load; "
        "load([pathlib.Path(sys.argv[1])]); print(json.dumps(sorted(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(_write(tmp_path, GOOD))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"pydantic", "numpy", "polars", "sqlalchemy", "asyncio", "aiohttp", "fastapi"}
    assert heavy & set(json.loads(done.stdout)) == set()
    assert done.stderr == ""
