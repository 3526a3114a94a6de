"""The program itself: which verbs there are, and what a mistake looks like from outside."""

import sys
import traceback

import typer

from autocompress.cli import (
    analyse,
    compare,
    devices,
    explain,
    hand_over,
    launch,
    look,
    prepare,
    report,
    reproduce,
    retarget,
    runtimes,
    sweep,
    validate,
)
from autocompress.cli.out import OK, exit_code, people, speakable, told

app = typer.Typer(
    name="autocompress",
    help="Search pruning, distillation and quantization together; end with measured models that fit your device.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    *(prepare.init, prepare.check),
    *(launch.run, launch.resume, retarget.retarget, validate.validate, reproduce.reproduce),
    *(look.status, look.front, report.report, compare.compare),
    *(hand_over.export, hand_over.verify),
    *(prepare.plugins, prepare.schema, prepare.doctor),
):
    app.command()(verb)
app.add_typer(devices.devices, name="devices")
app.add_typer(runtimes.runtimes, name="runtimes")
analyse.analyse.command()(explain.explain)
analyse.analyse.command()(sweep.sweep)
analyse.analyse.command()(sweep.techniques)
app.add_typer(analyse.analyse, name="analyse")


def main() -> None:
    """Run a verb. What a person can mend is told in words; only a bug shows a traceback."""
    speakable()
    try:
        app(standalone_mode=True)
    except SystemExit:
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            traceback.print_exc()
            people().print("this is a bug in autocompress; the lines above are what its authors need", style="bold red")
            sys.exit(1)
        people().print(told(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(code)
    sys.exit(OK)
