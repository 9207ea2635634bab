"""The conformance suite: checks that every plugin must pass, with a plain-language message per fault."""
