"""Examples for the API document, those of the reference API where it has them."""

from __future__ import annotations

from typing import Any

TICKET = "ticket_789abc12-3def-4567-8901-234567890abc"
ENVIRONMENT: dict[str, Any] = {
    "id": "456e7890-e89b-12d3-a456-426614174001",
    "repositoryIdentifier": "myorg/myrepo",
    "repositoryName": "myrepo",
    "name": "prod",
    "description": "Production environment",
    "category": "release",
    "salesforceUsername": "deploy@myorg.example",
    "devHubUsername": None,
    "isActive": True,
    "isDefault": True,
    "isLocked": True,
    "lockedBy": "ci-pipeline",
    "lockExpiresAt": "2024-01-15T15:00:00Z",
    "lockExpiresInSeconds": 3600,
    "lockStatus": {
        "isLocked": True,
        "currentLock": {
            "lockedBy": "ci-pipeline",
            "lockReason": "Running integration tests",
            "expiresAt": "2024-01-15T15:00:00Z",
            "expiresInSeconds": 3600,
        },
        "queuedLocks": [
            {
                "position": 1,
                "requestedBy": "deploy-bot",
                "lockReason": "Deployment to test",
                "estimatedWaitSeconds": 3600,
                "ticketId": "ticket_456def",
            }
        ],
    },
    "metadata": {"region": "us-west", "tier": "enterprise"},
    "tags": ["critical", "monitored"],
    "branch": "main",
    "orchestrationOrder": 1,
    "claimWindowSeconds": 90,
    "createdAt": "2024-01-01T00:00:00Z",
    "updatedAt": "2024-01-01T00:00:00Z",
    "createdBy": "owner@myorg.example",
    "updatedBy": "owner@myorg.example",
}
LEASE: dict[str, Any] = {
    "status": "acquired",
    "ticketId": TICKET,
    "fence": 7,
    "expiresAt": "2024-01-15T15:00:00Z",
    "expiresInSeconds": 3600,
}
RELEASE: dict[str, Any] = {
    "name": "v1.2.3",
    "domain": "core",
    "targetOrg": "production",
    "publishedAt": "2024-01-15T10:30:00.000Z",
    "repoIdentifier": "myorg/myrepo",
    "metadata": {},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "EnvironmentBody": {
        "repositoryIdentifier": "myorg/myrepo",
        "name": "prod",
        "description": "Production environment",
        "category": "release",
        "salesforceUsername": "deploy@myorg.example",
        "isActive": True,
        "isDefault": True,
        "metadata": {"region": "us-west", "tier": "enterprise"},
        "tags": ["critical", "monitored"],
        "branch": "main",
    },
    "EnvironmentPatch": {"tags": ["production", "critical", "monitored"]},
    "EnvironmentAnswer": ENVIRONMENT,
    "GroupedEnvironments": {
        "dev": [],
        "test": [],
        "snapshot": [],
        "release": [ENVIRONMENT],
    },
    "LockBody": {"leaseDurationSeconds": 3600, "reason": "Deploying release v2.1.0"},
    "AcquireBody": {"timeoutSeconds": 60},
    "RenewBody": {"leaseDurationSeconds": 1800},
    "TicketIssued": {"ticketId": TICKET},
    "LockAcquiredAnswer": {
        **LEASE,
        "environmentId": "456e7890-e89b-12d3-a456-426614174001",
        "environmentName": "production",
        "salesforceUsername": "deploy@myorg.example",
        "sfdxAuthUrl": "force://PlatformCLI::...",
        "accessToken": "00D...!AQ...",
        "instanceUrl": "https://mycompany.my.salesforce.com",
        "frontDoorUrl": "https://mycompany.my.salesforce.com/secur/frontdoor.jsp?...",
    },
    "LockRenewedAnswer": LEASE,
    "LockReleasedAnswer": {"status": "released", "ticketId": TICKET},
    "LockWaitTimeout": {
        "statusCode": 408,
        "error": "Request Timeout",
        "message": "the lock is not free yet; the ticket keeps its place",
        "code": "LOCK_WAIT_TIMEOUT",
        "requestId": "0a163288-418c-4828-97de-4254319e03aa",
        "status": "queued",
        "ticketId": TICKET,
        "position": 1,
        "estimatedWaitSeconds": 3600,
    },
    "FrontDoorAnswer": {
        "url": "https://mycompany.my.salesforce.com/secur/frontdoor.jsp?..."
    },
    "ArtifactsAnswer": {
        "environmentId": "456e7890-e89b-12d3-a456-426614174001",
        "environmentName": "production",
        "salesforceUsername": "deploy@myorg.example",
        "artifacts": [
            {
                "name": "core",
                "version": "2.1.0-7",
                "commitId": "0a516404aa92f02866f9d2725bda5b1b3f23547e",
                "subscriberVersion": None,
                "type": "source",
                "isInstalledBysfp": True,
            }
        ],
        "retrievedAt": "2024-01-15T14:43:22.716Z",
        "cached": True,
    },
    "AuditRecord": {
        "id": "018cd0a4-5a5c-7cc1-8b2e-1f0a4c6d7e8f",
        "environment_id": "456e7890-e89b-12d3-a456-426614174001",
        "repository_identifier": "myorg/myrepo",
        "accessed_by": "ci-pipeline",
        "accessed_by_application": None,
        "access_type": "lock",
        "access_details": {
            "action": "environment_locked",
            "ticket_id": TICKET,
            "duration_seconds": 3600,
            "reason": "Deployment in progress",
        },
        "ip_address": "192.168.1.100",
        "user_agent": "Mozilla/5.0...",
        "accessed_at": "2024-01-15T14:30:00Z",
    },
    "OrderBody": {"environmentOrder": ["dev1", "dev2", "dev3"]},
    "ReleaseBody": {
        "name": "v1.2.3",
        "domain": "core",
        "publishedAt": "2024-01-15T10:30:00.000Z",
        "metadata": {"commit": "7f3c2a1"},
        "ticketId": TICKET,
    },
    "ReleasePublishedAnswer": {
        **RELEASE,
        "id": "018cd0a4-5a5c-4cc1-8b2e-1f0a4c6d7e8f",
        "ticketId": TICKET,
        "fence": 7,
        "publishedBy": "ci-pipeline",
    },
    "ReleasesAnswer": {
        "environmentId": "123e4567-e89b-12d3-a456-426614174000",
        "environmentName": "production",
        "repositoryIdentifier": "myorg/myrepo",
        "releases": [RELEASE],
        "totalCount": 100,
        "limit": 50,
        "offset": 0,
        "retrievedAt": "2024-01-15T10:30:00.000Z",
    },
    "ProjectBody": {
        "identifier": "myorg/myrepo",
        "remoteUrl": "https://github.com/myorg/myrepo",
    },
    "OrgBody": {
        "username": "deploy@myorg.example",
        "sfdxAuthUrl": "force://PlatformCLI::<refresh token>@myorg.my.salesforce.com",
        "isDevHub": False,
    },
    "TokenBody": {"name": "ci-pipeline", "expiresIn": 90},
    "ErrorBody": {
        "statusCode": 404,
        "error": "Not Found",
        "message": "no such environment",
        "code": "ENVIRONMENT_NOT_FOUND",
        "requestId": "2db9c81e-5956-4db1-bba2-32137284914d",
    },
}
