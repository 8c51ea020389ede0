"""The manifests fit the schemas of the API and say what they must: no root, no open port, no second try."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prefect.utilities.templating import apply_values, find_placeholders

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
RELEASES = ("1.30", "1.37")
TARGETS = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy" / "images" / "Dockerfile").read_text(), re.MULTILINE)
Manifest = dict[str, Any]


def written(folder: Path) -> Iterator[Manifest]:
    """The objects of a kustomization, as its files hold them."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in kustomization["resources"]:
        yield from yaml.safe_load_all((folder / name).read_text())


def flow_run_job() -> Manifest:
    """The Job of a flow run, as the work pool's template makes it of its defaults."""
    template = job_template()
    defaults = {name: one["default"] for name, one in template["variables"]["properties"].items() if "default" in one}
    given = defaults | {"name": "field-trip", "command": ["prefect", "flow-run", "execute"], "labels": {"a": "b"}}
    made: Manifest = apply_values(template["job_configuration"]["job_manifest"], given)
    return made


@cache
def job_template() -> dict[str, Any]:
    values = yaml.safe_load((FOLDER / "charts" / "prefect-worker.yaml").read_text())
    found: dict[str, Any] = json.loads(values["worker"]["config"]["baseJobTemplate"]["configuration"])
    return found


FOLDERS = (FOLDER / "base", FOLDER / "standing-workers")
OBJECTS = [one for folder in FOLDERS for one in written(folder)] + [flow_run_job()]
BUILT_IN = [one for one in OBJECTS if "keda" not in one["apiVersion"]]


def named(one: Manifest) -> str:
    return f"{one['kind']}-{one['metadata'].get('name', 'flow-run')}"


def pods() -> list[tuple[str, dict[str, Any]]]:
    return [(named(one), one["spec"]["template"]["spec"]) for one in OBJECTS if "template" in one.get("spec", {})]


@pytest.mark.parametrize("one", BUILT_IN, ids=named)
def test_an_object_fits_the_schemas(one: Manifest) -> None:
    for release in RELEASES:
        kubernetes_validate.validate(one, release, strict=True)


def test_a_wrong_object_does_not_fit() -> None:
    wrong = flow_run_job()
    wrong["spec"]["backoffLimits"] = 0
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, RELEASES[-1], strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl: install Debian's kubernetes-client")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_kustomize_renders_what_is_written(folder: Path) -> None:
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    rendered = list(yaml.safe_load_all(done.stdout))
    generated = {"ConfigMap-dreamtuner-profiles"} if folder.name == "base" else set()
    assert {named(one) for one in rendered} == {named(one) for one in written(folder)} | generated
    assert {one["metadata"]["namespace"] for one in rendered} == {"dreamtuner"}
    images = re.findall(r"image: (\S+)", done.stdout)
    assert all(re.fullmatch(r"registry\.example\.org/dreamtuner/[a-z-]+:\d+\.\d+\.\d+", image) for image in images)
    for one in rendered:
        if "keda" not in one["apiVersion"]:
            kubernetes_validate.validate(one, RELEASES[-1], strict=True)


def test_an_image_is_a_target_of_ours() -> None:
    for name, pod in pods():
        for container in pod["containers"]:
            target = re.search(r"dreamtuner/([a-z]+)(?:-cuda)?(?::[\d.]+)?$", container["image"])
            assert target is not None, name
            assert target[1] in TARGETS, name


def test_nobody_is_root_and_nobody_has_a_token() -> None:
    assert len(pods()) == 7
    for name, pod in pods():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for container in pod["containers"]:
            wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
            assert container["securityContext"] == wanted | {"capabilities": {"drop": ["ALL"]}}, name
            assert container["resources"]["limits"]["memory"], name
            assert {"/tmp", "/data"} <= {mount["mountPath"] for mount in container["volumeMounts"]}, name


def test_every_name_that_is_used_is_given() -> None:
    given = {(one["kind"], one["metadata"].get("name")) for one in OBJECTS}
    given |= {("ConfigMap", "dreamtuner-profiles"), ("Secret", "dreamtuner-secrets")}
    for name, pod in pods():
        assert ("ServiceAccount", pod["serviceAccountName"]) in given, name
        volumes = {volume["name"] for volume in pod["volumes"]}
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in given, name
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in given, name
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name
            for source in container["envFrom"]:
                kind = "ConfigMap" if "configMapRef" in source else "Secret"
                assert (kind, source[kind[0].lower() + kind[1:] + "Ref"]["name"]) in given, name


def test_a_pod_is_chosen_by_its_own_labels() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in OBJECTS if "template" in one.get("spec", {})]
    for one in OBJECTS:
        selector = one.get("spec", {}).get("selector") or one.get("spec", {}).get("podSelector")
        if selector is None:
            continue
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= each.items() for each in labels), named(one)


def test_a_flow_run_is_one_try_on_one_gpu_with_time_to_hand_back() -> None:
    job = flow_run_job()
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert job["spec"]["backoffLimit"] == 0  # Prefect schedules an evicted flow run again, not the cluster
    assert pod["terminationGracePeriodSeconds"] >= 60
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert any(volume.get("emptyDir", {}).get("medium") == "Memory" for volume in pod["volumes"])
    assert all(m["readOnly"] for m in container["volumeMounts"] if m["name"] == "weights")


def test_the_template_names_no_variable_that_it_does_not_have() -> None:
    template = job_template()
    used = {one.name for one in find_placeholders(template["job_configuration"])}
    assert used == set(template["variables"]["properties"])


def test_weights_are_downloaded_at_commits() -> None:
    kustomization = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text())
    [generated] = kustomization["configMapGenerator"]
    [job] = [one for one in OBJECTS if named(one) == "Job-dreamtuner-weights"]
    fetched = {container["args"][-1] for container in job["spec"]["template"]["spec"]["containers"]}
    assert fetched == {Path(file).stem for file in generated["files"]}
    for file in generated["files"]:
        places = re.findall(r"hub:\S+", (FOLDER / "base" / file).read_text())
        assert places
        assert all(re.search(r"@[0-9a-f]{40}$", place) for place in places)
