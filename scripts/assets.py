#!/usr/bin/env python3
"""Copy what the pages load from node_modules into the package, each with its licence."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "vigie" / "web" / "static" / "vendor"

FILES = {
    "@picocss/pico": ("LICENSE.md", "css/pico.min.css"),
    "htmx.org": ("LICENSE", "dist/htmx.min.js", "dist/ext/hx-sse.min.js"),
    "uplot": ("LICENSE", "dist/uPlot.iife.min.js", "dist/uPlot.min.css"),
}


def main() -> int:
    """0 when every file was copied; 1, and nothing changed, when one is missing."""
    missing = [path for path in sources() if not path.is_file()]
    for path in missing:
        print(f"assets: {path.relative_to(ROOT)} is missing; run npm ci", file=sys.stderr)
    if missing:
        return 1
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for package, (licence, *files) in FILES.items():
        name = package.rpartition("/")[2]
        shutil.copyfile(MODULES / package / licence, VENDOR / f"LICENSE.{name}")
        for file in files:
            shutil.copyfile(MODULES / package / file, VENDOR / Path(file).name)
    return 0


def sources() -> list[Path]:
    return [MODULES / package / file for package, files in FILES.items() for file in files]


if __name__ == "__main__":
    sys.exit(main())
