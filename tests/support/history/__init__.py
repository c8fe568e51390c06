"""Histories made up: what Berth would have on record after days of traffic."""
