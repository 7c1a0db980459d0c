"""A broker in Docker with listeners for every security protocol, which allows only what ACLs allow."""

import contextlib
import datetime as dt
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from clusters import free_ports, until
from support import LIMIT, new_name

IMAGE = "apache/kafka:4.3.1"
FOLDER = "/certificates"  # inside the container
# Listeners and their protocols. None is called SSL: the image would then require Java key stores.
LISTENERS = {
    "PLAIN": "PLAINTEXT",
    "TLS": "SSL",
    "EXPIRED": "SSL",
    "LOGIN": "SASL_PLAINTEXT",
    "BOTH": "SASL_SSL",
    "CONTROLLER": "PLAINTEXT",
}


@dataclass
class Secured:
    """The broker, and what a client needs to connect."""

    ports: dict[str, int]
    folder: Path  # contains ca.pem, the certificate of the CA that signed the broker's
    admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = AdminClient({"bootstrap.servers": self.address("PLAIN"), "log_level": 0})

    def address(self, listener: str) -> str:
        return f"localhost:{self.ports[listener]}"

    def add_user(self, name: str, password: str) -> None:
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        user = UserScramCredentialUpsertion(name, credential, password.encode())
        self.admin.alter_user_scram_credentials([user])[name].result(LIMIT)

    def allow(self, user: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        bindings = [
            AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
            for operation in operations
        ]
        for answer in self.admin.create_acls(bindings).values():
            answer.result(LIMIT)


@contextlib.contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Start the broker with its own name, ports and certificates, and remove everything afterwards."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    long_ago = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    for name, not_after in (("valid", None), ("expired", long_ago)):
        certificate = authority.issue_cert("localhost", not_after=not_after)
        (folder / f"{name}.pem").write_bytes(_key_store(certificate))
    folder.chmod(0o755)  # the broker runs as another user than the tests
    names = [name for name in LISTENERS if name != "CONTROLLER"]
    secured = Secured(dict(zip(names, free_ports(len(names)), strict=True)), folder)
    container = new_name("kafka-demo-test")
    variables = (f"--env={name}={value}" for name, value in _variables(secured.ports).items())
    ports = (f"--publish=127.0.0.1:{port}:{port}" for port in secured.ports.values())
    volume = f"--volume={folder}:{FOLDER}:ro"
    try:
        _docker("run", "--detach", f"--name={container}", *variables, *ports, volume, IMAGE)
        until(lambda: secured.admin.list_topics(timeout=1).brokers, "the broker answers")
        yield secured
    finally:
        _docker("rm", "--force", "--volumes", container)


def _key_store(certificate: trustme.LeafCert) -> bytes:
    """Join the key and the certificate in one PEM, the key in PKCS #8, the only form that Kafka reads."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain


def _variables(ports: dict[str, int]) -> dict[str, Any]:
    advertised = [f"{name}://localhost:{port}" for name, port in ports.items()]
    listeners = [f"{name}://:{port}" for name, port in ports.items()]
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "KAFKA_NODE_ID": 1,
        "KAFKA_OPTS": "-XX:CompilationMode=quick-only",  # starts sooner
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAIN",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_LISTENERS": ",".join([*listeners, "CONTROLLER://:9093"]),
        "KAFKA_ADVERTISED_LISTENERS": ",".join(advertised),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": ",".join(f"{name}:{what}" for name, what in LISTENERS.items()),
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": 1,
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": 1,
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": 1,
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": 1,
        "KAFKA_SASL_ENABLED_MECHANISMS": "SCRAM-SHA-256",
        **{f"KAFKA_LISTENER_NAME_{name}_SCRAM___SHA___256_SASL_JAAS_CONFIG": login for name in ("LOGIN", "BOTH")},
        "KAFKA_SSL_KEYSTORE_TYPE": "PEM",
        "KAFKA_SSL_KEYSTORE_LOCATION": f"{FOLDER}/valid.pem",
        "KAFKA_LISTENER_NAME_EXPIRED_SSL_KEYSTORE_TYPE": "PEM",
        "KAFKA_LISTENER_NAME_EXPIRED_SSL_KEYSTORE_LOCATION": f"{FOLDER}/expired.pem",
        "KAFKA_AUTHORIZER_CLASS_NAME": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND": "false",
        # ANONYMOUS is the broker itself, and these tests when they prepare something.
        "KAFKA_SUPER_USERS": "User:ANONYMOUS;User:ada",
    }


def _docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
