"""Every documented answer to every example request, replayed over HTTP.

The end of the run's output lists each of them with its verdict.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from httpx2 import Response

from tests.contract.otherwise import OTHERWISE
from tests.contract.replay import NAMES, differences, example
from tests.contract.scenes import SCENES
from tests.contract.stage import Stage
from tests.support.client import refused

DOCUMENTED = {
    f"{status} {example(name).line}": (name, int(status))
    for name in NAMES
    for status in sorted(example(name).documented)
}


@pytest.mark.parametrize(("name", "status"), DOCUMENTED.values(), ids=DOCUMENTED)
def test_it_answers_as_documented(stage: Stage, name: str, status: int) -> None:
    its = example(name)
    if (name, status) in OTHERWISE:
        check(OTHERWISE[name, status](stage, its), status)
        return
    actual, body = SCENES[name](stage, its)
    assert actual == status
    assert list(differences(its.answer, body)) == []


def check(answer: Response, status: int) -> None:
    """A redirect leads to the org; a refusal has its shape (DESIGN section 4)."""
    assert answer.status_code == status, answer.text
    if status == 302:
        assert urlsplit(answer.headers["location"]).path == "/secur/frontdoor.jsp"
    elif status == 408:
        assert answer.json()["code"] == "LOCK_WAIT_TIMEOUT"
        assert answer.json()["status"] == "queued"
    else:
        refused(answer, status)


def test_every_documented_answer_has_one_scene() -> None:
    """One success for each example, and no scene for what is documented nowhere."""
    documented = set(DOCUMENTED.values())
    assert set(OTHERWISE) < documented
    assert sorted(name for name, _ in documented - set(OTHERWISE)) == sorted(SCENES)
    assert sorted(SCENES) == NAMES
