"""Go's text/template, as people use it with Docker's --format. Pure: nothing here knows of containers.

`parse` reads a template once, and its `execute` writes it for one value. What a template asks of a value is decided in
`evaluator`, how a value is written in `printing`.
"""

from pyrun.templates.evaluator import Template as Template
from pyrun.templates.parser import parsed
from pyrun.templates.values import MISSING as MISSING
from pyrun.templates.values import Object as Object
from pyrun.templates.values import Struct as Struct
from pyrun.templates.values import TemplateError as TemplateError


def parse(text: str) -> Template:
    """Read a template. Errors: TemplateError with the line in it, as Go words it."""
    from pyrun.templates.functions import FUNCTIONS

    try:
        return Template(parsed(text, FUNCTIONS))
    except RecursionError:
        raise TemplateError("template: :1: nested too deeply") from None
