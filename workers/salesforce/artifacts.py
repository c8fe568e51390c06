"""What is installed in an org: what sfp put on record there, and its packages.

sfp records what it installs in `SfpowerscriptsArtifact2__c`; `Tag__c` has the package's
type, or in older versions a git tag. Packages, whoever installed them, are
`InstalledSubscriberPackage` of the Tooling API.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.errors import SalesforceRefused
from workers.salesforce.wire import Answer

API = "/services/data/v62.0"
PAGES_MAX = 20
RECORDS_MAX = 20_000
NEXT = re.compile(r"/services/data/[\w/-]+(\.0/[\w/-]+)?", re.ASCII)
TYPES = {"unlocked", "orgdependent", "managed", "source", "data", "diff"}
MISSING = {"INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS"}

Ask = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
R = TypeVar("R", bound=Struct)


class Artifact(Struct, frozen=True, kw_only=True, rename="camel"):
    """`subscriber_version` is the package version's id (04t...) if it is a package."""

    name: str
    version: str | None
    commit_id: str | None
    subscriber_version: str | None
    type: str
    is_installed_by_sfp: bool = msgspec.field(name="isInstalledBysfp")


class Recorded(Struct, frozen=True, rename="pascal"):
    """An `SfpowerscriptsArtifact2__c`."""

    name: str
    version: str | None = msgspec.field(name="Version__c", default=None)
    commit_id: str | None = msgspec.field(name="CommitId__c", default=None)
    tag: str | None = msgspec.field(name="Tag__c", default=None)


class Package(Struct, frozen=True, rename="pascal"):
    name: str


class Version(Struct, frozen=True, rename="pascal"):
    id: str
    major_version: int
    minor_version: int
    patch_version: int
    build_number: int
    container: str | None = msgspec.field(name="Package2ContainerOptions", default=None)
    is_org_dependent: str | None = None


class Installed(Struct, frozen=True, rename="pascal"):
    """An `InstalledSubscriberPackage`; a package may be hidden from this user."""

    subscriber_package: Package | None
    subscriber_package_version: Version | None


RECORDED = (
    "SELECT Id, Name, Version__c, CommitId__c, Tag__c"
    " FROM SfpowerscriptsArtifact2__c ORDER BY Name"
)
INSTALLED = (
    "SELECT Id, SubscriberPackage.Name, SubscriberPackageVersion.Id,"
    " SubscriberPackageVersion.MajorVersion, SubscriberPackageVersion.MinorVersion,"
    " SubscriberPackageVersion.PatchVersion, SubscriberPackageVersion.BuildNumber,"
    " SubscriberPackageVersion.Package2ContainerOptions,"
    " SubscriberPackageVersion.IsOrgDependent"
    " FROM InstalledSubscriberPackage ORDER BY SubscriberPackageId"
)


async def installed_artifacts(ask: Ask) -> Sequence[Artifact]:
    """Both, merged by name. `ask` asks the org for a path with a query."""
    recorded = await _all(ask, f"{API}/query", RECORDED, Recorded)
    installed = await _all(ask, f"{API}/tooling/query", INSTALLED, Installed)
    return list(merged(recorded, installed))


def merged(
    recorded: Sequence[Recorded], installed: Sequence[Installed]
) -> Iterator[Artifact]:
    """What sfp recorded, then the packages that it knows nothing of."""
    packages = {
        one.subscriber_package.name: one.subscriber_package_version
        for one in installed
        if one.subscriber_package and one.subscriber_package_version
    }
    for artifact in recorded:
        version = packages.pop(artifact.name, None)
        yield Artifact(
            name=artifact.name,
            version=artifact.version or (_number(version) if version else None),
            commit_id=artifact.commit_id,
            subscriber_version=version.id if version else None,
            type=_type(version) if version else _tagged(artifact.tag),
            is_installed_by_sfp=True,
        )
    for name, version in packages.items():
        yield Artifact(
            name=name,
            version=_number(version),
            commit_id=None,
            subscriber_version=version.id,
            type=_type(version),
            is_installed_by_sfp=False,
        )


async def _all(ask: Ask, path: str, soql: str, kind: type[R]) -> Sequence[R]:
    """Every record of a query, page after page."""
    name = soql.partition(" FROM ")[2].split()[0]
    answer = await ask(path, {"q": soql})
    records: list[R] = []
    for _ in range(PAGES_MAX):
        page, following = _page(answer, name, kind)
        records += page
        if following is None:
            return records
        if len(records) > RECORDS_MAX:
            break
        answer = await ask(following, {})
    raise SalesforceRefused(f"the org has more of {name} than can be read at once")


def _page(answer: Answer, name: str, kind: type[R]) -> tuple[list[R], str | None]:
    if not answer.is_success:
        raise SalesforceRefused(_reason(answer, name))
    following: Any = answer.fields.get("nextRecordsUrl")
    try:
        page = msgspec.convert(answer.fields["records"], list[kind])  # type: ignore[valid-type]
    except (msgspec.ValidationError, KeyError):
        raise SalesforceRefused(
            f"the org's answer to a query for {name} makes no sense"
        ) from None
    if following is None:
        return page, None
    if not isinstance(following, str) or not NEXT.fullmatch(following):
        raise SalesforceRefused(f"the org's answer has no next page of {name}")
    return page, following


def _reason(answer: Answer, name: str) -> str:
    code = answer.code
    if code in MISSING or code.startswith("INSUFFICIENT_ACCESS"):
        return (
            f"the org has no {name}, or its user may not see it ({code});"
            " install the sfp artifact package, or give the user access"
        )
    return f"the org refuses to answer a query for {name} ({code or answer.status})"


def _number(version: Version) -> str:
    return (
        f"{version.major_version}.{version.minor_version}"
        f".{version.patch_version}.{version.build_number}"
    )


def _type(version: Version) -> str:
    if version.is_org_dependent == "Yes":
        return "orgdependent"
    return (version.container or "managed").lower()


def _tagged(tag: str | None) -> str:
    """Without a package it was deployed as source, unless sfp says otherwise."""
    return tag if tag in TYPES else "source"
