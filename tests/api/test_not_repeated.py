"""What was looked for in vain is not repeated: it may be somebody's secret."""

from __future__ import annotations

import pytest

from tests.support.client import Caller, made, refused

SENT = "sent-by-mistake"
BY_NAME = f"/environments/by-name/{SENT}"
# In the braces stands what there is.
ROUTES = [
    ("POST", f"{BY_NAME}/lock?repositoryIdentifier={{repository}}"),
    ("PATCH", f"{BY_NAME}?repositoryIdentifier={{repository}}"),
    ("GET", f"{BY_NAME}/artifacts?repositoryIdentifier={{repository}}"),
    ("GET", f"{BY_NAME}/history?repositoryIdentifier={{repository}}"),
    ("GET", f"{BY_NAME}/holds?repositoryIdentifier={{repository}}"),
    ("GET", f"{BY_NAME}/releases?repositoryIdentifier={{repository}}"),
    ("GET", f"/environments/by-name/{{name}}?repositoryIdentifier={SENT}"),
    ("POST", f"/environments/{{id}}/lock?repositoryName={SENT}"),
    (
        "GET",
        f"/environments/orchestration-order?category=test&repositoryIdentifier={SENT}",
    ),
    ("GET", f"/environments/repository/{SENT}/audit"),
    ("GET", f"/projects/{SENT}"),
    ("DELETE", f"/application-tokens/{SENT}"),
    ("DELETE", f"/auth/salesforce/org?username={SENT}"),
    ("GET", f"/tasks/{SENT}/status"),
    ("GET", f"{{lock}}/{SENT}?repositoryName={{repositoryName}}"),
    ("PUT", f"{{lock}}/{SENT}/acquire?repositoryName={{repositoryName}}"),
    ("PUT", f"{{lock}}/{SENT}/renew?repositoryName={{repositoryName}}"),
    ("DELETE", f"{{lock}}/{SENT}?repositoryName={{repositoryName}}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_name_that_nothing_has_is_not_repeated(
    owner: Caller, method: str, path: str
) -> None:
    environment = owner.environment()
    there = environment | {
        "repository": environment["repositoryIdentifier"],
        "lock": f"/environments/{environment['id']}/lock",
    }
    body = b"{}" if method == "PATCH" else None
    answer = owner.ask(method, path.format_map(there), body)
    refused(answer, 404)
    assert SENT not in answer.text


def test_nor_is_one_that_had_no_history_yet(owner: Caller) -> None:
    repository = owner.repository()
    before = made(owner.get(f"/projects/{repository}"))["createdAt"]
    owner.environment(name=SENT, repositoryIdentifier=repository)
    path = f"/environments/by-name/{SENT}"
    answer = owner.get(path, repositoryIdentifier=repository, at=before)
    refused(answer, 404, "BEFORE_HISTORY")
    assert SENT not in answer.text


@pytest.mark.parametrize("field", ["salesforceUsername", "devHubUsername"])
def test_of_an_org_that_is_not_registered_the_field_is_told(
    owner: Caller, field: str
) -> None:
    environment = owner.environment(salesforceUsername=owner.org())
    body = {"name": "a", "category": "dev", field: SENT}
    body |= {"repositoryIdentifier": environment["repositoryIdentifier"]}
    new = owner.post("/environments", body)
    changed = owner.patch(f"/environments/{environment['id']}", {field: SENT})
    for answer in new, changed:
        assert field in refused(answer, 404, "ORG_NOT_FOUND")["message"]
        assert SENT not in answer.text


def test_a_name_that_moved_is_not_repeated(owner: Caller) -> None:
    """Remembered, and looked up again."""
    environment = owner.environment(name=SENT)
    lock = owner.lock_by_name(environment)
    made(lock.release(lock.ticket()))
    made(owner.patch(f"/environments/{environment['id']}", {"name": "another"}))
    answer = lock.request()
    refused(answer, 404)
    assert SENT not in answer.text
