"""The client of Salesforce: tokens, identity, the front door, installed artifacts.

Every failure is a `SalesforceRefused` that says why, and never repeats a secret.
"""

from workers.salesforce.artifacts import Artifact
from workers.salesforce.auth_url import AuthUrl, parse_auth_url
from workers.salesforce.client import Salesforce
from workers.salesforce.sessions import Session

__all__ = [
    "Artifact",
    "AuthUrl",
    "Salesforce",
    "Session",
    "parse_auth_url",
]
