"""The front door: into the org's own pages, without another login."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, MediaType, Response, get, head
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from api.auth import allow
from api.credentials import refusing
from api.place import BY_ID, AtPlace
from api.schemas import FrontDoorAnswer
from domain.access import FrontDoorOpened
from domain.local_path import local_path
from domain.roles import Role
from workers.salesforce.registered import org_of

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
RETURN_URL = "retURL"
Redirect = Annotated[
    bool,
    QueryParameter(name="redirect", description="false: answer the URL as JSON"),
]
ReturnUrl = Annotated[
    str,
    QueryParameter(name=RETURN_URL, description="A path within the org"),
]


class FrontDoorController(Controller):
    path = "/environments/{environment_id:str}/frontdoor"
    dependencies = BY_ID
    tags = ["Salesforce"]

    @get(
        guards=[allow(Role.APPLICATION)],
        summary="Open the environment's org",
        responses={
            302: ResponseSpec(
                None,
                description="To the org",
                generate_examples=False,
            )
        },
        response_headers=[ResponseHeader(name=k, value=v) for k, v in HEADERS.items()],
    )
    async def open_front_door(
        self,
        place: AtPlace,
        redirect: Redirect = True,
        ret_url: ReturnUrl = "/",
    ) -> Response[FrontDoorAnswer | bytes]:
        """A redirect to the org, or with `redirect=false` where it would lead.

        400 when the org does not let us in, with the reason.
        """
        path = local_path(ret_url, RETURN_URL)
        found = await place.listed()
        desk, details = place.desk, found.details
        await desk.require_reach(details.repository)
        with refusing("generate frontdoor URL"):
            org = await org_of(desk, details.salesforce_username, desk.actor)
            url = await desk.services.salesforce.front_door(org.credential_id, path)
        await desk.require_again(Role.APPLICATION)
        await desk.record(FrontDoorOpened(found.id, details.repository, org.username))
        if redirect:
            to = {"Location": url}
            return Response(b"", status_code=302, headers=to, media_type=MediaType.TEXT)
        return Response(FrontDoorAnswer(url=url))

    @head(
        guards=[allow(Role.APPLICATION)],
        summary="Whether there is a front door",
        response_headers=[ResponseHeader(name=k, value=v) for k, v in HEADERS.items()],
    )
    async def look_at_front_door(
        self, place: AtPlace, ret_url: ReturnUrl = "/"
    ) -> None:
        """As GET, but nobody is let in: Salesforce is not asked, nothing is opened."""
        local_path(ret_url, RETURN_URL)
        found = await place.listed()
        desk, details = place.desk, found.details
        await desk.require_reach(details.repository)
        with refusing("generate frontdoor URL"):
            await org_of(desk, details.salesforce_username, desk.actor)
