"""The command line: it parses, calls a use-case, shows what came back. Its contract is docs/reference/cli.md."""
