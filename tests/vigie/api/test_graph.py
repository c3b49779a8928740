"""The service map as it goes out; that it is served is in test_otlp.py."""

import orjson

from collectors.otlp.service_map import MapEdge, ServiceMap, mapped
from vigie.api.graph import ServiceGraph, shape

T0 = 1_790_000_000.0


def test_the_map_has_the_documented_shape() -> None:
    edges = [
        MapEdge("shop", "orders", "database", 10, 1, 20.0, 0.1, 0.08, 0.2),
        MapEdge("user", "shop", "virtual_node", 40, 0, 20.0, 0.1, 0.08, 0.2),
        MapEdge("shop", "cart", "", 20, 5, 20.0, 0.1, 0.08, 0.2),
    ]
    found = ServiceGraph.model_validate_json(orjson.dumps(shape(mapped(edges, T0))))
    assert found.at.timestamp() == T0
    assert [(node.name, node.type, node.virtual, node.rate) for node in found.nodes] == [
        ("cart", "service", False, 1.0),
        ("orders", "database", True, 0.5),
        ("shop", "service", False, 2.0),
        ("user", "virtual_node", True, None),
    ]
    assert [(e.client, e.server, e.rate, e.error_ratio) for e in found.edges] == [
        ("shop", "cart", 1.0, 0.25),
        ("shop", "orders", 0.5, 0.1),
        ("user", "shop", 2.0, 0.0),
    ]


def test_an_empty_map_is_one_too() -> None:
    found = ServiceGraph.model_validate_json(orjson.dumps(shape(ServiceMap(T0))))
    assert (found.nodes, found.edges) == ([], [])
