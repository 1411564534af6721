"""`make chart`: the Helm chart's manifests, without Helm: `python -m deploy.chart -f values.yaml`.

Go templates and Helm's functions come from a library (gotpl) that follows Go's own engine; it is not Helm itself,
so `helm lint` and `helm template` remain the judges where they can be had.
"""

import argparse
import copy
import sys
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml
from gotpl.exts.helm import HelmTemplateEngine

from deploy.compose import BASE

CHART: Final = BASE / "deploy" / "helm" / "smartops"


def merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return values as Helm merges them: tables deeply, everything else replaced."""
    result = copy.deepcopy(values)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def render(more: dict[str, Any], *, release: str = "desk") -> list[dict[str, Any]]:
    """Return every manifest of the chart for its values with `more`.

    :raises jsonschema.ValidationError: values.schema.json does not allow them.
    """
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = merged(yaml.safe_load((CHART / "values.yaml").read_text()), more)
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    jsonschema.validate(values, schema)
    sources = {
        str(path.relative_to(CHART)): path.read_text()
        for path in sorted((CHART / "templates").rglob("*"))
        if path.suffix in (".yaml", ".tpl", ".txt")
    }
    context = {
        "Values": values,
        "Release": {"Name": release, "Namespace": "default", "Service": "Helm"},
        "Chart": {key[0].upper() + key[1:]: value for key, value in chart.items()},
    }
    engine = HelmTemplateEngine(sources)
    texts = engine.render({name: context for name in sources if not name.endswith(".tpl")})
    return [
        one
        for name, text in texts.items()
        if name.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if one
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.chart", description=__doc__)
    parser.add_argument("-f", "--values", type=Path, help="values beside those of the chart")
    given = parser.parse_args()
    more = yaml.safe_load(given.values.read_text()) if given.values else {}
    yaml.safe_dump_all(render(more or {}), sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main()
