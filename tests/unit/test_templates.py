"""Go's templates: what Docker answered to many, and what must not make pyrun stumble."""

import json

import pytest
from answered import Answer, ours, recorded
from hypothesis import given
from hypothesis import strategies as st

from pyrun import documents, templates
from pyrun.cli import formats, shapes, views
from pyrun.errors import PyrunError
from pyrun.templates import TemplateError

_INSPECTED, _ANSWERS = recorded()


@pytest.mark.parametrize(("template", "answer"), _ANSWERS.items(), ids=range(len(_ANSWERS)))
def test_dockers_answers(template: str, answer: Answer) -> None:
    """Output, the error with its position, and the exit code: recorded from Docker 20.10, see tests/answered.py."""
    assert ours(template, _INSPECTED) == answer


def test_objects_keep_dockers_order() -> None:
    """`json .` has the fields as Docker writes them, whatever order they were found in, and maps by key."""
    backwards = json.loads(json.dumps(_INSPECTED), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    text, _ = formats.objects("{{json .}}", [(shapes.CONTAINER, shapes.ordered(shapes.CONTAINER, backwards))])
    assert text == json.dumps(_INSPECTED, separators=(",", ":"), ensure_ascii=False) + "\n"


def test_what_only_pyrun_tells_is_found_and_not_printed() -> None:
    told = {**_INSPECTED, "State": {**_INSPECTED["State"], "MonitorAlive": True}}
    assert ours("{{.ID | len}} {{.State.MonitorAlive}}", told) == ("64 true\n", "", 0)
    assert ours("{{.State}}", told) == ours("{{.State}}", _INSPECTED)


def test_each_object_is_written_and_what_is_wrong_told_beside_it() -> None:
    found = [(shapes.CONTAINER, {"Name": "/a", "Config": {"Image": "x"}}), (shapes.CONTAINER, {"Name": "/b"})]
    text, problems = formats.objects("{{.Name}} {{.Config.Image}}", found)
    assert (text, [problem.code for problem in problems]) == ("/a x\n", [1])
    assert formats.objects("json", found)[0] == '[{"Name":"/a","Config":{"Image":"x"}},{"Name":"/b"}]\n'


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{{.name}}", "did you mean .Name?"),
        ("{{.State.Statu}}", "did you mean .Status?"),
        ("{{.State.Foo}}", "there are .Status"),
    ],
)
def test_what_was_meant(template: str, hint: str) -> None:
    problems = formats.objects(template, [(shapes.CONTAINER, _INSPECTED)])[1]
    assert [problem.hint[: len(hint)] for problem in problems] == [hint]


@pytest.mark.parametrize(
    "template",
    [
        "{{" + "(" * 1500 + "1" + ")" * 1500 + "}}",
        "{{if .}}" * 1500 + "{{end}}" * 1500,
        '{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}',
        '{{define "x"}}' + "{{if 1}}" * 60 + '{{template "x" .}}' + "{{end}}" * 61 + '{{template "x" .}}',
        '{{printf "%999999999d" 1}}{{fail}}',
        "{{" + "." * 15000 + "}}",
        "{{\ud800}}",
        "{{" + "1" * 10000 + "}}",
    ],
)
def test_what_is_too_much_is_one_line(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        templates.parse(template).execute({})
    assert "\n" not in str(caught.value)


def test_widths_have_a_limit() -> None:
    """A template does not make pyrun fill the memory."""
    assert templates.parse('{{printf "%9999999d|%.9999999f" 1 1.5}}').execute({}) == "%!(BADWIDTH)1|%!(BADPREC)1.500000"
    assert templates.parse('{{printf "%*d" -9999999 1}}').execute({}) == "%!(BADWIDTH)1"
    assert len(templates.parse('{{pad "x" 99999999 99999999}}').execute({})) < 1 << 20


_PIECES = st.lists(
    st.sampled_from(
        "{{ }} {{- -}} . .Name .State.Pid .Args $ $x $x.y := = , | ( ) if else end range with define template block break "
        "continue nil true 1 -2 1.5 0x1f 'a' \"s\" `r` \" ` ' index len printf eq and or not json join slice /* */ % \n é".split(
            " "
        )
    ),
    max_size=14,
).map(" ".join)


@given(_PIECES)
def test_anything_is_a_template_or_an_error(template: str) -> None:
    """Never a traceback."""
    for value in (views.typed(shapes.CONTAINER, _INSPECTED), views.untyped(_INSPECTED)):
        try:
            assert isinstance(templates.parse(template).execute(value), str)
        except TemplateError as problem:
            assert str(problem).startswith("template: ")


_ROWS = [{"ID": "1", "Name": "aé", "Size": "10B"}, {"ID": "22", "Name": "long name", "Size": ""}]
_HEADINGS = {"ID": "ID", "Name": "NAME", "Size": "SIZE"}


def _listed(form: str) -> str:
    return formats.rows(form, "thing", _HEADINGS, _ROWS, formats.constant, lambda row: (f"k={row['ID']}", "empty="))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{{.Name}}", "aé\nlong name\n"),
        (r"table {{.ID}}\t{{.Name}}", "ID        NAME\n1         aé\n22        long name\n"),
        (r"table {{.Name}}\t{{.Size}}", "NAME        SIZE\naé          10B\nlong name   \n"),
        (r'table {{.Label "a.k"}}{{.Label "k"}}\n-', "kk\n-\n1\n-\n22\n-\n"),
        ("{{json .}}", '{"ID":"1","Name":"aé","Size":"10B"}\n{"ID":"22","Name":"long name","Size":""}\n'),
        ('{{.Label "k"}}{{.Label "empty"}}{{.Label "none"}}', "1\n22\n"),
        ("table", "\n\n\n"),
    ],
)
def test_listings(form: str, text: str) -> None:
    assert _listed(form) == text


@pytest.mark.parametrize(
    "form", ["{{.Nope}}", "{{.Name", "table {{.Nam}}", "{{.Label}}", '{{.Label "a" "b"}}', "{{.Label 1}}"]
)
def test_a_listing_that_cannot_be_made_is_one_line(form: str) -> None:
    with pytest.raises(PyrunError) as caught:
        _listed(form)
    assert (caught.value.code, "\n" in caught.value.message) == (1, False)


def test_json_in_one_line_is_gos() -> None:
    assert documents.line({"a": ["é\u2028", 1, None, True, "<&>"]}) == '{"a":["é\\u2028",1,null,true,"<&>"]}'
    assert documents.line("<&>", escaped=True) == '"\\u003c\\u0026\\u003e"'
