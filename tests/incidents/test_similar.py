"""Which incidents are alike, and in which words."""

from random import Random

from incidents.similar import DAY_S, Facts, compare, in_words, most_alike

NOW = 1_790_000_000.0


def facts(number: int, **more: object) -> Facts:
    given = {
        "key": f"k{number}",
        "type": "slo-burn",
        "service": "shop",
        "slo": "",
        "opened_at": NOW,
    }
    return Facts(number, **{**given, **more})  # type: ignore[arg-type]  # one of them


def test_a_planted_repeat_ranks_first_among_a_thousand() -> None:
    dice = Random(7)
    words = [f"word{n}" for n in range(300)]
    others = [
        facts(
            n,
            service=f"service-{dice.randrange(20)}",
            type=dice.choice(("slo-burn", "no-data", "report")),
            category=f"category-{dice.randrange(5)}",
            opened_at=NOW - dice.random() * 365 * DAY_S,
            words=frozenset(dice.sample(words, 6)),
        )
        for n in range(1, 1_001)
    ]
    told = frozenset({"ledger", "deadlock", "replica", "checkout"})
    planted = facts(
        500, service="service-3", type="report", opened_at=NOW - 300 * DAY_S, words=told | {"word1"}
    )
    others[499] = planted
    new = facts(2_000, service="service-3", type="report", words=told)
    best = most_alike(new, others)
    assert best[0].number == 500
    assert best[0].reasons[0] == "same words: checkout, deadlock, replica, ledger"
    assert len(best) == 5


def test_the_same_service_alone_is_no_reason() -> None:
    assert compare(facts(2), facts(1, type="no-data")) is None
    assert compare(facts(2, service=""), facts(1, service="")) is None


def test_reasons_are_said_in_words_the_strongest_first() -> None:
    deploy = frozenset({("deploy", "ci")})
    new = facts(2, slo="latency", cause="deploy", changes=deploy)
    match = compare(new, facts(1, key="k2", slo="latency", cause="deploy", changes=deploy))
    assert match is not None
    reasons = ("the same again", "same cause: deploy", "after a deploy from ci, too")
    assert match.reasons == reasons
    line = in_words(("same SLO",), 12.5 * DAY_S, "resolved: rollback")
    assert line == "same SLO, 12 days ago; resolved: rollback"
