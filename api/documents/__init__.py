"""What Berth says about itself: OpenAPI, AsyncAPI, the schemas of events, examples."""
