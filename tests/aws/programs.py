"""The programs that a workflow's steps call on GitHub's machines: docker, aws and gh.

`docker run` runs the command in namespaces of its own, with this machine's root as the image and
the volumes in it; a push puts an image into the emulated ECR. `aws` hands every operation to boto3.
usage: python -m aws.programs docker|aws|gh ARGUMENT...
Each call is kept, as a line of JSON, in the file $CALLS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from .container import Image

RUN = r"""
set -e
place=$1 binds=$2 folder=$3
shift 3
mount -t tmpfs tmpfs "$place"
cd "$place"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for part in dev proc sys; do mount --rbind /$part root/$part; done
mount -t tmpfs -o mode=1777 tmpfs root/tmp
IFS='
'
for bind in $binds; do
    mkdir -p "root${bind#*:}"
    mount --bind "${bind%%:*}" "root${bind#*:}"
    mount -o remount,bind,ro "root${bind#*:}"
done
unset IFS OLDPWD
exec chroot root sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""


def docker(arguments: list[str]) -> None:
    """Run a command, or push an image; a tag is a name of what will be pushed."""
    command, *rest = arguments
    if command == "run":
        run_in_image(rest)
    elif command == "push":
        import boto3  # takes half a second, which most calls need not

        name, tag = rest[-1].rsplit(":", 1)
        repository = name.split("/", 1)[1]
        # Each build has a digest of its own.
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"size": 1}, "layers": []}
        boto3.client("ecr").put_image(
            repositoryName=repository,
            imageManifest=json.dumps({**manifest, "annotations": {"build": uuid.uuid4().hex}}),
            imageTag=tag,
        )
    else:
        assert command == "tag", arguments


def run_in_image(arguments: list[str]) -> None:
    """`docker run`, with the options that the workflows use."""
    image = Image.of_machine()
    env = {**image.environment, "GANGWAY_PYTHON": sys.executable, "LC_CTYPE": "C.UTF-8"}
    binds = [f"{path}:{path}" for path in image.binds()]
    folder = "/"
    while arguments[0].startswith("--"):
        option = arguments.pop(0)
        if option == "--rm":
            continue
        value = arguments.pop(0)
        if option == "--env":
            name, given, text = value.partition("=")
            env[name] = text if given else os.environ[name]
        elif option == "--volume":
            assert value.endswith(":ro"), "a container writes to the machine"
            binds.append(value.removesuffix(":ro"))
        elif option == "--workdir":
            folder = value
        else:
            assert option == "--user", option
    _, *command = arguments
    with tempfile.TemporaryDirectory(prefix="gwdocker-") as place:
        words = ["sh", "-c", RUN, "sh", place, "\n".join(binds), folder, *command]
        apart = ["unshare", "--mount", *words]
        status = subprocess.run(apart, env=env).returncode
    sys.exit(status)


def aws(arguments: list[str]) -> None:
    """An operation of a service; its answer as --query and --output text make it."""
    import boto3
    import jmespath
    from botocore import xform_name
    from botocore.exceptions import ClientError

    service, operation, *rest = arguments
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    query = options.pop("--query", None)
    assert options.pop("--output", "text") == "text"
    client = boto3.client(service)
    names = {xform_name(api): api for api in client.meta.service_model.operation_names}
    name = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(names[name]).input_shape
    members = {xform_name(member): member for member in shape.members}
    given = {members[k[2:].replace("-", "_")]: value_of(v) for k, v in options.items()}
    try:
        answer = getattr(client, name)(**given)
    except ClientError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(254)
    if query:
        print(jmespath.search(query, answer))


def value_of(text: str) -> Any:
    """AWS's shorthand for a list of one structure, `key=a,value=b`; other text as it is."""
    if "=" not in text:
        return text
    return [dict(part.split("=", 1) for part in text.split(","))]


def gh(arguments: list[str]) -> None:
    """GitHub's own answers: the newest commit of a branch, its pull requests, and its issues."""
    if arguments[0] == "api" and "/git/ref/heads/" not in arguments[1]:
        pulls(*[x for x in arguments[1:] if x != "--paginate"])
    elif arguments[0] == "api":
        ref = arguments[1].split("/git/ref/heads/", 1)[1]
        bare = os.environ["BARE"]
        command = ["git", "-C", bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{ref}"]
        sys.exit(subprocess.run(command).returncode)
    if arguments[:2] == ["issue", "list"]:
        issues = [x for x in calls() if x[:3] == ["gh", "issue", "create"]]
        print("1" if issues else "")


def pulls(address: str, option: str, query: str) -> None:
    """The pull requests of a commit, or the reviews of one, of those in the file $PULLS."""
    known = Path(os.environ["PULLS"])
    all_of_them = json.loads(known.read_text()) if known.exists() else []
    *_, which, last = address.split("/")
    if last == "pulls":
        answer = [pull["pull"] for pull in all_of_them if pull["sha"] == which]
    else:
        (answer,) = [x["reviews"] for x in all_of_them if x["pull"]["number"] == int(which)]
    assert option == "--jq" and last in ("pulls", "reviews")
    if answer:  # gh has a jq of its own
        text = json.dumps(answer)
        sys.exit(subprocess.run(["jq", "-r", query], input=text, text=True).returncode)


def calls() -> list[list[str]]:
    """All calls until now."""
    return [json.loads(line) for line in Path(os.environ["CALLS"]).read_text().splitlines()]


def main() -> None:
    name, *arguments = sys.argv[1:]
    with open(os.environ["CALLS"], "a") as file:
        file.write(json.dumps([name, *arguments]) + "\n")
    {"docker": docker, "aws": aws, "gh": gh}[name](arguments)


if __name__ == "__main__":
    main()
