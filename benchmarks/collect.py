"""Vigie from collection to alert, and nothing else: no HTTP server, no jobs, no pages.

    python benchmarks/collect.py vigie.yaml

Scrapes with the Scraper of the server, and decides and commits with its Pipeline, on the database
that the settings name. Runs until SIGTERM; says `counting` once every target was read well.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from collectors.scrape import Scraper
from vigie import config as files
from vigie import settings
from vigie.clock import SystemClock
from vigie.live import Board, Feed, Live
from vigie.pipeline.restore import restore
from vigie.pipeline.tick import Pipeline
from vigie.settings import Settings
from vigie.store.db import open_database
from vigie.telemetry import Meters, Telemetry, setup_logs


async def collect(given: Settings) -> None:
    """Scrape, decide and commit until SIGTERM."""
    clock, ended = SystemClock(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    config = files.load(given.files)
    database = open_database(given.database)
    restored = await database.awrite(lambda c: restore(c, config, given.slice_s, clock.now()))
    pipeline = Pipeline(
        db=database,
        clock=clock,
        board=Board(Live(config, clock.now())),
        feed=Feed(),
        meters=Meters(),
        telemetry=Telemetry(),
        restored=restored,
        wake_worker=lambda: None,
        outcry=_outcry,
    )
    plan = restored.state.plan
    scraper = Scraper(clock, pipeline.deliver)
    scraper.watch(plan.config.targets, plan.selectors, plan.gauges)
    await pipeline.start()
    await scraper.start()
    gc.collect()
    gc.freeze()  # as the server does
    while not _read_all(pipeline):  # noqa: ASYNC110 - the pipeline tells nobody of its pages
        await asyncio.sleep(1)
    print("counting", flush=True)
    await ended.wait()
    await scraper.stop()
    await pipeline.stop()
    database.close()


def _read_all(pipeline: Pipeline) -> bool:
    return all(memory.page_at is not None for memory in pipeline.state.memories.values())


async def _outcry(text: str, firing: Sequence[str]) -> None:  # noqa: ARG001 - its form is given
    print(text, file=sys.stderr)


if __name__ == "__main__":
    setup_logs("text")
    uvloop.run(collect(settings.load(Path(sys.argv[1]))))
