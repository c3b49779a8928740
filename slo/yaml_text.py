"""Values as YAML text, as people would write it."""

from typing import Any

import yaml


def dumped(value: object) -> str:
    """One document. Keys keep their order; every place says in full what it says."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks, which is how people read PromQL."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - none are written, of anything
        return True


def _represent(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)
