"""Conduktor Console starts beside the brokers, with a password that the user chooses."""

import json
from typing import Any

import pytest

from clusters import PASSWORD, ROOT, Composed, assert_console_starts, compose, start_console
from support import new_name

pytestmark = pytest.mark.docker


def test_the_console_is_healthy_beside_one_broker(docker: Composed, project: str) -> None:
    assert_console_starts(project, docker.project)  # the network is named after the project


@pytest.mark.usefixtures("docker")
def test_without_a_password_it_refuses_to_start_and_says_what_a_password_needs(project: str) -> None:
    done = start_console(project, "any", CDK_ADMIN_PASSWORD="")
    assert done.returncode != 0
    assert "CDK_ADMIN_PASSWORD" in done.stderr
    assert "at least 8 characters" in done.stderr


@pytest.mark.usefixtures("docker")
def test_without_brokers_it_says_that_their_network_is_missing(project: str) -> None:
    done = start_console(project, missing := new_name("network"), CDK_ADMIN_PASSWORD=PASSWORD)
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
