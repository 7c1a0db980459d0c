"""Conduktor Console starts beside the brokers, with a password that the user chooses."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from clusters import ROOT, Composed, compose, free_ports
from conftest import need_docker
from support import new_name

pytestmark = pytest.mark.docker

FOLDER = ROOT / "conduktor"
PASSWORD = "Kd-" + new_name("9")  # new for each run


@pytest.fixture
def project() -> Iterator[str]:
    """Name a project, and remove everything in it afterwards, which needs no password."""
    need_docker()
    name = new_name("kafka-demo-test")
    yield name
    done = compose(ROOT / "tests", name, "-p", name, "down", "-v", "-t", "1")
    assert done.returncode == 0, done.stderr


def start(project: str, brokers: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return compose(FOLDER, project, "up", "-d", "--wait", **{"CONDUKTOR_NETWORK": brokers} | variables)


@pytest.mark.parametrize("beside", ["docker", "cluster"])
def test_the_console_is_healthy_beside_the_brokers(request: pytest.FixtureRequest, project: str, beside: str) -> None:
    brokers: Composed = request.getfixturevalue(beside)
    (port,) = free_ports(1)
    # The brokers' network has the name of their project.
    done = start(project, brokers.project, CDK_ADMIN_PASSWORD=PASSWORD, CONDUKTOR_PORT=str(port))
    assert done.returncode == 0, done.stderr
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.usefixtures("docker")
def test_without_a_password_it_refuses_to_start_and_says_what_a_password_needs(project: str) -> None:
    done = start(project, "any", CDK_ADMIN_PASSWORD="")
    assert done.returncode != 0
    assert "CDK_ADMIN_PASSWORD" in done.stderr
    assert "at least 8 characters" in done.stderr


@pytest.mark.usefixtures("docker")
def test_without_brokers_it_says_that_their_network_is_missing(project: str) -> None:
    done = start(project, missing := new_name("network"), CDK_ADMIN_PASSWORD=PASSWORD)
    assert done.returncode != 0
    assert f"network {missing} declared as external, but could not be found" in done.stderr


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("folder", [".", "cluster", "conduktor"])
def test_nothing_is_published_beyond_this_machine(folder: str) -> None:
    services = config(folder)["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


@pytest.mark.usefixtures("docker")
def test_the_database_is_on_an_isolated_network() -> None:
    found = config("conduktor")
    assert "ports" not in found["services"]["postgres"]
    assert list(found["services"]["postgres"]["networks"]) == ["database"]
    assert found["networks"]["database"]["internal"] is True


@pytest.mark.usefixtures("docker")
def test_every_service_uses_the_given_password() -> None:
    services = config("conduktor")["services"]
    values = {name: value for service in services.values() for name, value in service["environment"].items()}
    assert {value for name, value in values.items() if "PASSWORD" in name} == {PASSWORD}
    assert values["CDK_DATABASE_URL"] == f"postgresql://conduktor:{PASSWORD}@postgres:5432/conduktor"


def config(folder: str) -> dict[str, Any]:
    """Return the configuration that Compose resolves from a file."""
    done = compose(ROOT / folder, "test", "config", "--format", "json", CDK_ADMIN_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
