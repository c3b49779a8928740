"""The engine over recorded samples: `vigie.pipeline.decide` with a clock that the record sets, and
nothing stored.
"""
