"""Tests on running stacks. A package, so that a fixture of package scope ends with its last test and not later."""
