"""An objective that a file states in percent, as Sloth's and Pyrra's do."""

import re
from typing import Final

import yaml

from slo.load.codes import Code
from slo.load.yaml import Fields

_NUMBER: Final = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def percent(fields: Fields, key: str, *, quoted: bool) -> float:
    """The objective that a required key states, as a ratio between 0 and 1 and neither of them.

    `quoted` lets the number stand in quotes. What is wrong is a problem, and its value 0.
    """
    node = fields.node_of(key)
    if node is None:
        return 0.0
    raw, name, problems = node.raw, f"`{fields.where}.{key}`", fields.problems
    if not isinstance(raw, yaml.ScalarNode) or (raw.style and not quoted):
        problems.error(node.mark, f"{name} must be a number", Code.WRONG_TYPE)
        return 0.0
    if not _NUMBER.fullmatch(raw.value):
        message = f"{name} is `{raw.value}`; it must be a number of percent, such as 99.9"
        problems.error(node.mark, message, Code.WRONG_TYPE)
        return 0.0
    value = float(raw.value)
    objective = round(value / 100, 12)  # 99.9 / 100 is 0.9990000000000001 in floats
    if objective == 1.0:
        message = f"{name} is {raw.value} %, which leaves no budget to spend: write e.g. 99.99"
        problems.error(node.mark, message, Code.NO_BUDGET)
        return 0.0
    if not 0.0 < objective < 1.0:
        message = f"{name} is {raw.value}; it must be above 0 and below 100"
        problems.error(node.mark, message, Code.OBJECTIVE)
        return 0.0
    if value < 1.0:
        message = f"{name} is {raw.value} %: write {value * 100:g} if that share was meant"
        problems.warn(node.mark, message, Code.OBJECTIVE)
    return objective
