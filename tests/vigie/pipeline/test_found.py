"""What was found goes on as long as the configuration asks for it, and as it says now."""

from dataclasses import replace

import pytest

from collectors.discovery.model import FileSd
from collectors.jobs import ScrapeJob
from collectors.scraping import Scraping
from collectors.targets import FOUND_BY_SPANS, By, Target
from vigie.pipeline.found import Found, fitting
from world import config_for

JOB = ScrapeJob("pods", scraping=Scraping(sample_limit=7), discoveries=(FileSd(("*.json",)),))
FOUND = Target("pods", "a:1", "http://a:1/metrics", "shop", found_by="job pods")
SPANS = Target("shop", "spans", "", "shop", by=By.SPANS, found_by=FOUND_BY_SPANS)


def kept(job: ScrapeJob | None, *targets: Target) -> dict[str, Target]:
    config = config_for(1)
    config = replace(config, jobs={job.name: job} if job else {})
    return dict(fitting(config, Found(targets={one.id: one for one in targets})).targets)


def test_a_target_is_read_as_its_job_says_now() -> None:
    assert kept(JOB, FOUND) == {FOUND.id: replace(FOUND, scraping=JOB.scraping)}


@pytest.mark.parametrize("job", [None, replace(JOB, name="other"), replace(JOB, discoveries=())])
def test_a_target_that_nobody_looks_for_any_more_is_forgotten(job: ScrapeJob | None) -> None:
    assert kept(job, FOUND) == {}


def test_who_sends_spans_needs_no_job() -> None:
    assert kept(None, SPANS) == {SPANS.id: SPANS}


def test_what_a_file_names_is_meant_over_what_was_found() -> None:
    (named,) = config_for(1).targets.values()
    assert kept(JOB, replace(named, found_by="job pods")) == {}
