"""A made-up org to try Berth with: `python -m tests.support.fake_org --port 9090`."""

from __future__ import annotations

import argparse
import threading

from tests.support.fake_org.server import fake_salesforce


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.fake_org")
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--username", default="deploy@myorg.example")
    parser.add_argument("--refresh-token", default="5Aep861")
    parser.add_argument("--slow-seconds", type=float, default=0)
    parser.add_argument("--page-size", type=int, default=2_000)
    parser.add_argument("--rotates", action="store_true")
    parser.add_argument("--expired", action="store_true")
    parser.add_argument("--no-artifact-object", action="store_true")
    parser.add_argument("--no-single-access", action="store_true")
    asked = parser.parse_args()
    with fake_salesforce(asked.port) as fake:
        org = fake.org(
            asked.username,
            refresh_token=asked.refresh_token,
            slow_seconds=asked.slow_seconds,
            page_size=asked.page_size,
            rotates=asked.rotates,
            is_expired=asked.expired,
            has_artifact_object=not asked.no_artifact_object,
            has_single_access=not asked.no_single_access,
        )
        print(f"username:    {org.username}")
        print(f"sfdxAuthUrl: {org.auth_url}")
        print(f"run Berth with BERTH_SALESFORCE_HOSTS={fake.origin}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
