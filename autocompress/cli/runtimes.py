"""`runtimes`: what can run a model here, and how to bring what cannot."""

import sys
from typing import Annotated

import typer

from autocompress.cli.launch import Json
from autocompress.cli.out import UNEXPECTED, USAGE, data, document, people

runtimes = typer.Typer(
    help="What runs the files, and the environments of tools that cannot live beside us.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@runtimes.command("list")
def list_runtimes(json: Json = False) -> None:
    """Every runtime: its version, or what it lacks and the command that brings it."""
    from autocompress.study.doctor import runtimes_here

    found = runtimes_here()
    if json:
        document("runtimes", {"runtimes": [one._asdict() for one in found]})
        return
    width = max(len(one.name) for one in found)
    for one in found:
        data(f"{'ok  ' if not one.missing else '-   '} {one.name.ljust(width)}  {one.missing or one.version}")


@runtimes.command("install")
def install(
    name: Annotated[str, typer.Argument(help="An environment that `runtimes list` misses, such as litert.")],
) -> None:
    """Make a tool's own environment, with pip as you have set it up. What is there already stays."""
    from autocompress.errors import Failure
    from autocompress.measure import workers

    def say(text: str) -> None:
        people().print(text, markup=False, highlight=False, soft_wrap=True)

    if name not in workers.ENVIRONMENTS:
        say(f"no environment is called {name!r}; there are {', '.join(workers.ENVIRONMENTS)}")
        sys.exit(USAGE)
    try:
        data(str(workers.install(name, say)))
    except Failure as failure:
        say(str(failure))
        sys.exit(UNEXPECTED)
