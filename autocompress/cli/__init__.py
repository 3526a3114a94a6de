"""The command line: verbs only; settings live in files. Data goes to stdout, words for people to stderr."""

from autocompress.cli.app import main as main
