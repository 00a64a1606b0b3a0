"""Holds the examples of the API's description to its schemas: the address of the description is the argument."""

import json
import sys
import urllib.request

import jsonschema_rs

document = json.load(urllib.request.urlopen(sys.argv[1]))
checked, wrong = 0, []


def check(place, content):
    global checked
    if "schema" not in content:
        return  # bytes, such as those of a workbook
    schema = {**content["schema"], "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema)
    examples = [of["value"] for of in content.get("examples", {}).values()] or [content["example"]]
    for example in examples:
        checked += 1
        wrong.extend(f"{place}: {error.message}" for error in validator.iter_errors(example))


for path, methods in document["paths"].items():
    for method, operation in methods.items():
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            check(f"{method} {path}: {media}", content)
        for status, response in operation["responses"].items():
            for media, content in response.get("content", {}).items():
                check(f"{method} {path}: {status} {media}", content)
print("\n".join(wrong) or f"{checked} examples are right")
sys.exit(bool(wrong))
