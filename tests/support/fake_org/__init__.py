"""A Salesforce of our own making: real HTTP on 127.0.0.1, as well-behaved as asked."""
