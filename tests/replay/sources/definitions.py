"""definitions.py FOLDER FILE: validates every object of FILE against its CustomResourceDefinition in FOLDER, strictly."""

import pathlib
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """Leaves time stamps what JSON has for them: strings."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


# What the API server knows of the metadata of an embedded resource, beside what the schema says of it.
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {"labels": STRINGS, "annotations": STRINGS}


def strict(schema):
    """A structural schema in JSON Schema's words; what it does not name is refused, as the API server would prune it."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-embedded-resource") and "metadata" in schema["properties"]:
        metadata = schema["properties"]["metadata"]
        metadata["properties"] = METADATA | metadata.get("properties", {})
    result = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            result[key] = {name: strict(part) for name, part in value.items()}
        elif key in ("enum", "default", "required"):
            result[key] = value
        else:
            result[key] = strict(value)
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if schema.get("nullable"):
        result = {"anyOf": [result, {"type": "null"}]}
    elif (
        schema.get("type") == "object"
        and "properties" in schema
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        result.setdefault("additionalProperties", False)
    return result


definitions = {}
for path in pathlib.Path(sys.argv[1]).glob("*.yaml"):
    for definition in yaml.load_all(path.read_text(), Loader):
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            # Every object has these, whether its definition says so or not.
            for name, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
                schema["properties"].setdefault(name, {"type": kind})
            definitions[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = strict(schema)

count = 0
for item in yaml.load_all(pathlib.Path(sys.argv[2]).read_text(), Loader):
    name = item["kind"], item["metadata"]["name"]
    schema = definitions[item["apiVersion"], item["kind"]]
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(item))
    for error in errors:
        print(*name, "/".join(map(str, error.absolute_path)), error.message[:300], file=sys.stderr)
    if errors:
        sys.exit(1)
    count += 1
print(f"{count} objects are what their definitions say")
if not count:
    sys.exit("no object")
